"""The containers of videos that are opened, and no others.

FFmpeg chooses the reader by a file's content, and some of its readers open other files, addresses
and sockets that the content names (playlists, session descriptions, scripts), or make pictures of
any text. So FFmpeg is given this table (its option format_whitelist).
"""

VIDEOS = (
    # cameras, phones, editors, the web
    *('mov', 'mp4', 'm4a', '3gp', '3g2', 'mj2'),
    *('matroska', 'webm', 'avi', 'flv', 'live_flv', 'kux', 'asf', 'asf_o', 'ogg', 'rm', 'ivf'),
    # discs, broadcasts, surveillance
    *('mpeg', 'mpegts', 'mxf', 'gxf', 'lxf', 'dv', 'wtv', 'nsv', 'dhav', 'ifv', 'pva'),
    # streams without a container, and what programs hand each other
    *('mpegvideo', 'm4v', 'h261', 'h263', 'h264', 'hevc', 'vvc', 'vc1', 'av1', 'obu', 'cavsvideo'),
    *('mjpeg', 'dirac', 'dnxhd', 'yuv4mpegpipe', 'nut'),
    # moving pictures
    *('gif', 'apng', 'webp', 'webp_anim'),
)
# These are told what they are: a picture, or sound alone.
NO_VIDEOS = (
    *('jpeg_pipe', 'png_pipe', 'bmp_pipe', 'tiff_pipe', 'webp_pipe', 'gif_pipe', 'ppm_pipe'),
    *('mp3', 'wav', 'flac', 'aac'),
)
OPTIONS = {
    'format_whitelist': ','.join((*VIDEOS, *NO_VIDEOS)),
    'protocol_whitelist': 'none',  # the file itself is opened by Python
}
