"""What the page says, in each of its languages."""

from __future__ import annotations

from typing import Any

TEXTS = {
    'en': {
        'intro': 'What happens in a video, by **{model}**.',
        'video': 'A video: drop it here, or record one',
        'limits': 'Up to {megabytes} MB and {seconds} s. What is sent is removed after a while, '
        'and all of it when the server ends.',
        'look': 'Show where the network looks (Grad-CAM; takes longer)',
        'start': 'Recognise',
        'examples': 'Examples',
        'classes': 'The whole video',
        'timeline': 'What happens when',
        'labelled': 'Labelled video',
        'heat': 'Where it looks',
        'answer': 'The answer as JSON',
        'files': 'To download',
        'opening': 'opening the video',
        'reading': 'recognising',
        'looking': 'finding where it looks',
        'heat_part': 'Where it looks: the first {seconds} s of the video.',
        'heat_failed': 'Where it looks cannot be shown: {reason}',
        'damage': 'The file is damaged: {reason}',
        'no_file': 'There is no video yet: drop one, or record one.',
        'gone': 'The file is no longer on the server: send it again.',
        'no_address': 'Addresses are not opened here: send the file itself.',
        'too_large': 'The file is too large: it has {found} MB, and up to {most} MB are taken.',
        'too_long': 'The video is too long: up to {most} s are taken.',
        'unreadable': 'This cannot be recognised: {reason}',
        'failed': 'This went wrong on the server, whose log tells more.',
    },
    'zh': {
        'intro': '视频里发生了什么，由 **{model}** 识别。',
        'video': '视频：拖到这里，或用摄像头录制',
        'limits': '最大 {megabytes} MB，最长 {seconds} 秒。上传的文件过一段时间就会删除，'
        '服务器退出时全部删除。',
        'look': '显示网络在看哪里（Grad-CAM，需要更长时间）',
        'start': '识别',
        'examples': '示例',
        'classes': '整段视频',
        'timeline': '何时发生什么',
        'labelled': '标注后的视频',
        'heat': '网络在看哪里',
        'answer': 'JSON 格式的结果',
        'files': '下载',
        'opening': '正在打开视频',
        'reading': '正在识别',
        'looking': '正在计算网络在看哪里',
        'heat_part': '网络在看哪里：只显示视频的前 {seconds} 秒。',
        'heat_failed': '无法显示网络在看哪里：{reason}',
        'damage': '文件已损坏：{reason}',
        'no_file': '还没有视频：请拖入一个，或录制一段。',
        'gone': '服务器上已没有这个文件：请重新上传。',
        'no_address': '这里不打开网址：请上传文件本身。',
        'too_large': '文件太大：有 {found} MB，最大 {most} MB。',
        'too_long': '视频太长：最长 {most} 秒。',
        'unreadable': '无法识别：{reason}',
        'failed': '服务器上出了错，详情见服务器的日志。',
    },
}


def language_of(accepted: str | None) -> str:
    """Returns the language of TEXTS that a browser's header Accept-Language, as in
    'zh-CN,zh;q=0.9', likes best; 'en' where it names none of them.
    """
    liked = []
    for number, part in enumerate((accepted or '').split(',')):
        tag, _, weight = part.partition(';')
        language = tag.strip().lower().partition('-')[0]
        if language in TEXTS:
            try:
                share = float(weight.strip().lower().partition('q=')[2] or 1)
            except ValueError:
                share = 0.0
            liked.append((-share, number, language))
    return min(liked)[2] if liked else 'en'


def say(language: str, key: str, **values: Any) -> str:
    """Returns a text of TEXTS with its {names} replaced by `values`."""
    return TEXTS[language][key].format(**values)
