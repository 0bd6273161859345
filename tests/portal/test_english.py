"""The catalog's Chinese on English pages: in English where it is known, marked where not, never in people's words."""

import pytest

from portal.english import in_english

NAMES = {
    "人事处": "Human resources",
    "姓名": "Name",
    "为办理": "for",
    "预填申请表": "filled in a form",
    "证明": "<b>paper</b>",
}
ZH = '<span lang="zh-CN">'


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<td>人事处</td>", "<td>Human resources</td>"),
        ("<td>人事处、姓名</td>", "<td>Human resources, Name</td>"),
        ("<td>人事处、教务处</td>", f"<td>{ZH}人事处、教务处</span></td>"),
        ("<p>5 个工作日</p>", "<p>5 working days</p>"),
        ("<p>由人事处出具</p>", "<p>issued by Human resources</p>"),
        ("<p>为办理《姓名》预填申请表: 姓名</p>", "<p>for “Name” filled in a form: Name</p>"),
        ("<p>Extract of 教务处 late</p>", f"<p>Extract of {ZH}教务处</span> late</p>"),
        ("<p>证明</p>", "<p>&lt;b&gt;paper&lt;/b&gt;</p>"),
        ("<p>&lt;b&gt;字&lt;/b&gt;</p>", f"<p>&lt;b&gt;{ZH}字</span>&lt;/b&gt;</p>"),
        ("<title>教务处</title>", '<title lang="zh-CN">教务处</title>'),
        ('<option value="人事处">人事处</option>', '<option value="人事处">Human resources</option>'),
        ("<option>人事处</option>", '<option lang="zh-CN">人事处</option>'),
        ('<td translate="no"><b>人事处</b></td>', f'<td translate="no"><b>{ZH}人事处</span></b></td>'),
        (
            '<td lang="zh-CN"><b>人事处</b></td><td>姓名</td>',
            '<td lang="zh-CN"><b>人事处</b></td><td>Name</td>',
        ),
        ("<textarea>人事处</textarea><p>姓名</p>", "<textarea>人事处</textarea><p>Name</p>"),
        ('<script>"人事处"</script>', '<script>"人事处"</script>'),
        ("<svg><text>人事处</text></svg>", '<svg lang="zh-CN"><text>人事处</text></svg>'),
        ('<input value="人事处">', '<input value="人事处">'),
    ],
)
def test_what_the_catalog_knows_in_english_is_told_so_and_the_rest_is_marked(page, expected):
    assert in_english(page, NAMES) == expected
