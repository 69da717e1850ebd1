"""The report's words in Chinese; in English they stand where they are used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..visualization.text import FONT_PACKAGE, has_font

logger = logging.getLogger(__name__)
Say = Callable[..., str]

CHINESE = {
    # the page
    'i3dbox report: {name}': 'i3dbox 报告：{name}',
    'Training': '训练',
    'Figures': '指标',
    'Confusions': '易混类别',
    'Classes': '类别',
    'Sources': '来源',
    'Surest mistakes of {title}': '{title}：置信度最高的错误',
    'the config': '配置',
    'In brackets: 95 % intervals over the choice of the test videos.': '方括号内为 95 % 置信区间，反映测试视频的选取带来的波动。',
    '{titles}: {line}': '{titles}：{line}',
    '{number} damaged videos are not counted: {names}': '{number} 个损坏的视频没有计入：{names}',
    "Share of each class's videos that are recognised. A click on a head sorts.": '每个类别中识别正确的视频所占的比例。点击表头可排序。',
    'Average precision of each class. A click on a head sorts.': '每个类别的平均精度。点击表头可排序。',
    'There are none.': '没有。',
    'Their frames are not shown: {reason}': '没有显示它们的帧：{reason}',
    '{name}: {label}, taken for {prediction} with confidence {confidence:.3f} (its own class: {own:.3f})': '{name}：“{label}”被误认为“{prediction}”，置信度 {confidence:.3f}（正确类别的置信度：{own:.3f}）',
    # what it says first
    '{title}: over {number} videos the mean average precision of the classes is {figure:.3f}.': '{title}：在 {number} 个视频上，各类别平均精度的均值（mAP）为 {figure:.3f}。',
    '{title}: {right} of {number} test videos are named rightly, {share} (95 % interval: {low} to {high}).': '{title}：{number} 个测试视频中有 {right} 个识别正确，准确率为 {share}（95 % 置信区间：{low} 至 {high}）。',
    'The one mistake: {label} is taken for {taken}.': '唯一的错误：“{label}”被误认为“{taken}”。',
    'Most often {label} is taken for {taken}: {times} of {mistakes} mistakes.': '最常见的错误是把“{label}”误认为“{taken}”（{mistakes} 个错误中的 {times} 个）。',
    '{share} {most}': '{share}{most}',
    'none': '无',
    # tables
    'class': '类别',
    'videos': '视频数',
    'taken for': '误认为',
    'saved by': '占优的流',
    'only RGB right': '只有 RGB 正确',
    'only Flow right': '只有 Flow 正确',
    '{first} to {last}': '{first} 至 {last}',
    # charts
    'loss of training': '训练损失',
    'top-1 accuracy (dashed: training; dots: validation)': 'top-1 准确率（虚线：训练；圆点：验证）',
    'learning rate': '学习率',
    'seconds a step (dashed: waiting for data)': '每步用时（秒；虚线：等待数据）',
    'step': '步',
    '{title}: what is taken for what': '{title}：混淆矩阵（行：标签；列：预测）',
    'prediction': '预测',
    'label': '标签',
    "share of the label's videos": '占该类别视频的比例',
    'is the network as often right as it is sure?': '置信度校准',
    'confidence': '置信度',
    'top-1 accuracy': 'top-1 准确率',
    # notes of finetune
    '{train} videos trained, {test} others were tested with. The figures are of the last checkpoints; none was chosen by them. They are of whole videos; the dots of the curves are of the clip in the middle of each.': '用 {train} 个视频训练，用另外 {test} 个测试。指标来自最后的检查点，没有用这些指标挑选检查点。指标针对整段视频；曲线中的圆点针对每个视频中间的片段。',
    '{number} unreadable videos were left out: {names}': '{number} 个无法读取的视频没有使用：{names}',
}
# what figures and protocols are called in results, which stays beside the Chinese
NAMES = {
    'top1_acc': 'top-1 准确率 (top1_acc)',
    'top5_acc': 'top-5 准确率 (top5_acc)',
    'mean_class_acc': '类平均准确率 (mean_class_acc)',
    'ece': '校准误差 (ece)',
    'mean_average_precision': '平均精度均值 (mean_average_precision)',
    'mmit_mean_average_precision': '按视频的平均精度均值 (mmit_mean_average_precision)',
    'mean of the logits': '对 logits 取平均',
    'mean of the softmax': '对 softmax 取平均',
    'mean of the sigmoid': '对 sigmoid 取平均',
}
TEXTS = {**CHINESE, **NAMES}


def words(language: str) -> Say:
    """Returns what says a text in a language of languages.LANGUAGES: say(text, **values) puts the
    values in the places of their {names}. What has no translation, as names, stays as it is.
    """

    def say(text: str, **values: Any) -> str:
        text = TEXTS.get(text, text) if language == 'zh' else text
        return text.format(**values) if values else text

    return say


ENGLISH = words('en')


def drawable(say: Say) -> Say:
    """Returns `say` for pictures: English where no font of this machine has the letters."""
    if has_font(''.join(map(say, CHINESE))):
        return say
    logger.warning(f'the charts are in English, as no font here has their letters: {FONT_PACKAGE}')
    return ENGLISH
