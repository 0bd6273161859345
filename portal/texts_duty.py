"""Texts of corrected workbooks, of what a clerk confirms, and of how far a value is verified."""

from collections.abc import Mapping

DUTY_TEXTS: Mapping[str, tuple[str, str]] = {
    "waiting.upload": ("交回改好的工作簿", "Hand in the corrected workbook"),
    "waiting.upload.note": (
        "上传后逐行重新检查：有一处问题就都不受理，并标出工作表、行、列；全部合格的，下次发布入库。",
        "Every row is judged anew. With one fault nothing is taken, and sheet, row and column are told; "
        "otherwise the next release admits the rows.",
    ),
    "handed.title": ("改好的工作簿：{name}", "Corrected workbook: {name}"),
    "handed.file": ("Excel 工作簿（.xlsx，不超过 {most} MB）", "Excel workbook (.xlsx, {most} MB at most)"),
    "handed.last": ("查看上次交回的结果", "What became of the last one"),
    "handed.send": ("上传并检查", "Upload and check"),
    "handed.again": ("改好后重新上传", "Upload it again, mended"),
    "handed.drop": ("删除已上传的副本", "Delete the uploaded copy"),
    "handed.faults": ("问题", "Faults"),
    "handed.no_file": ("请先选择文件，没有上传。", "Choose a file first; nothing was uploaded."),
    "handed.unusable": (
        "未受理：{what}，应为{expected}。{mend}。没有保存任何内容。",
        "Not taken: {what}; expected {expected}; {mend}. Nothing of it was kept.",
    ),
    "handed.leave": (
        "正在检查，本页自动更新；可以离开，稍后回来看。",
        "It is being judged; this page follows it. You may leave and come back.",
    ),
    "handed.kept": (
        "上传的副本加密保存，最多一天；重新上传或删除后即清除。",
        "The uploaded copy is kept encrypted, for a day at most; it goes when you upload again or delete it.",
    ),
    "handed.state.asked": ("已收到，即将检查（{age}）。", "Received; it will be judged at once ({age})."),
    "handed.state.running": ("正在检查（{age}）。", "It is being judged ({age})."),
    "handed.state.taken": (
        "已受理 {rows} 行更正，另有 {unchanged} 行未改。下次发布入库；业务系统也请改正，否则下一批数据仍会出错。",
        "{rows} corrected {rows:row is|rows are} handed in, {unchanged} {unchanged:is as it was|are as they "
        "were}. The next release admits {rows:it|them}; correct your"
        " system too: what it sends next comes first.",
    ),
    "handed.state.faulty": (
        "有 {n} 处问题，都没有受理。请改好后重新上传。",
        "{n} {n:fault|faults}; nothing was handed in. Mend {n:it|them} and upload it again.",
    ),
    "handed.state.failed": ("没有受理。", "It was not taken."),
    "handed.state.died": (
        "检查意外中止。待纠正页“已决定”一列有数的，已受理；没有的，请重新上传。",
        "Judging ended unexpectedly. What “Decided” counts on the page of waiting rows was taken; if it "
        "counts nothing, upload it again.",
    ),
    "handed.why.no_right": (
        "您的岗位现在不负责这项数据。没有任何更改。",
        "Your post does not answer for this resource now. Nothing was changed.",
    ),
    "handed.why.gone": (
        "上传的副本已不能打开。没有任何更改，请重新上传。",
        "The uploaded copy cannot be opened any more. Nothing was changed; upload it again.",
    ),
    "handed.why.not_judged": (
        "数据仓库没有答复。没有任何更改，请稍后重新上传；仍不行时请联系数据办。",
        "The warehouse did not answer. Nothing was changed; upload it again later. If it lasts, tell the "
        "data office.",
    ),
    "window.pdf": ("下载填好的表（PDF）", "Download the filled form as PDF"),
    "window.pdf.note": (
        "按目录中的表单字段排版；本单位另有原表的，以原表为准。",
        "Set from the catalog's form fields; where the unit has its own form, that one counts.",
    ),
    "mine.level": ("核验情况", "How far it is verified"),
    "level.authoritative": ("权威数据源核验", "verified by its authoritative source"),
    "level.officer_verified": ("经办人员核验", "verified by an officer"),
    "level.cross_checked": ("经另一系统比对一致", "borne out by another system"),
    "level.system_verified": ("业务系统记录，未达核验条件", "as its system has it, not fully verified"),
    "level.self_declared": ("本人填报，未核验", "as the person declared it, not verified"),
    "window.confirm.title": ("核实本人填报的内容", "Confirm what the applicant declared"),
    "window.confirm.note": (
        "您在窗口看过原件、与填报一致时，可在此登记。登记后该内容标为“经办人员核验”，核验单位为本单位，直到本人另行填报；"
        "不因此免交任何材料。此事记在您名下，本人在“谁看过”中可见。",
        "If you have seen the original at the window and it says the same, note it here. From then on the "
        "value counts as verified by an officer of your unit, until the person declares another; it spares "
        "no paper. It is on record under your name, and the person sees it under “Who looked”.",
    ),
    "window.confirm.of": ("已看过原件的一项", "Which one you have seen the original of"),
    "window.confirm.proof": (
        "原件的扫描件（不超过 {most} MB；只在此计算摘要，不留存，请本单位存档）",
        "Scan of the original ({most} MB at most; it is digested here and not kept: your unit keeps it)",
    ),
    "window.confirm.digest": (
        "或：扫描件的 SHA-256 摘要（64 位十六进制）",
        "Or: the scan's SHA-256 digest (64 hexadecimal digits)",
    ),
    "window.confirm.send": ("登记已核实", "Note that it is confirmed"),
    "window.confirm.done": (
        "已登记：{field}经{unit}窗口核验。材料仍须照旧提交。请将原件扫描件存档，其摘要为 {digest}",
        "Noted: {field}, verified at the window of {unit}. The papers are still needed. Keep the scan of the "
        "original; its digest is {digest}",
    ),
    "window.confirm.which": ("请选择一项。没有登记。", "Choose one. Nothing was noted."),
    "window.confirm.no_proof": (
        "请选择原件的扫描件，或填写其摘要。没有登记。",
        "Choose the scan of the original, or type its digest. Nothing was noted.",
    ),
    "window.confirm.no_digest": (
        "摘要应为 64 位十六进制数字。没有登记。",
        "A digest has 64 hexadecimal digits. Nothing was noted.",
    ),
    "window.confirm.gone": (
        "这项内容刚刚有变化，没有登记。请核对下面的内容后再试。",
        "This value has changed just now; nothing was noted. Look at what is below and try again.",
    ),
}
