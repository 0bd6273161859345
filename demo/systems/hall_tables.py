"""The service hall's tables, as its vendor made them: English names, points in time with a zone."""

from demo.tables import Table

_TOUCHED = ("updated_at", "instant", "最后修改时间")

CASES = Table(
    "t_case",
    "办件",
    (
        ("case_no", "varchar(24)", "办件编号"),
        ("item_code", "varchar(20)", "事项编码"),
        ("applicant_kind", "varchar(10)", "申请人类别: student, graduate, staff"),
        ("applicant_no", "varchar(20)", "申请人学号或工号"),
        ("applicant_name", "varchar(100)", "申请人姓名"),
        ("agent_no", "varchar(20)", "代办人学号或工号"),
        ("channel", "varchar(10)", "办理渠道: web, app, window, kiosk, mail"),
        ("campus", "varchar(2)", "校区"),
        ("lead_unit", "varchar(12)", "主责单位"),
        (
            "status",
            "int",
            "状态: 10 草稿, 20 已提交, 30 已受理, 40 补正中, 50 已办结, 60 不予受理, 70 已撤回",
        ),
        ("submitted_at", "instant", "提交时间"),
        ("accepted_at", "instant", "受理时间"),
        ("promised_on", "date", "承诺办结日期"),
        ("closed_at", "instant", "办结时间"),
        ("visits", "int", "到现场次数"),
        ("materials", "int", "提交材料件数"),
        _TOUCHED,
    ),
    ("case_no",),
    ("updated_at", "applicant_no", "item_code"),
)
STEPS = Table(
    "t_case_step",
    "办件环节",
    (
        ("case_no", "varchar(24)", "办件编号"),
        ("seq", "int", "环节序号"),
        ("node", "varchar(20)", "环节名称"),
        ("unit_code", "varchar(12)", "办理单位"),
        ("handler_no", "varchar(20)", "办理人工号"),
        ("arrived_at", "instant", "到达时间"),
        ("done_at", "instant", "完成时间"),
        ("action", "varchar(10)", "动作: pass 通过, return 退回, close 办结, refuse 不予受理"),
        _TOUCHED,
    ),
    ("case_no", "seq"),
    ("updated_at",),
)
MATERIALS = Table(
    "t_case_material",
    "办件材料",
    (
        ("case_no", "varchar(24)", "办件编号"),
        ("material_code", "varchar(40)", "材料编码"),
        ("way", "varchar(10)", "提交方式: upload 上传, paper 纸质, original 原件核验, spared 免提交"),
        ("copies", "int", "份数"),
        ("handed_at", "instant", "提交时间"),
        _TOUCHED,
    ),
    ("case_no", "material_code"),
    ("updated_at",),
)
CORRECTIONS = Table(
    "t_case_correction",
    "补正通知",
    (
        ("id", "bigint", "补正编号"),
        ("case_no", "varchar(24)", "办件编号"),
        ("round", "int", "第几次补正"),
        ("asked_at", "instant", "通知时间"),
        ("reason", "varchar(200)", "补正原因"),
        ("due_on", "date", "补正期限"),
        ("answered_at", "instant", "补正时间"),
        _TOUCHED,
    ),
    ("id",),
    ("case_no", "updated_at"),
)
EVALUATIONS = Table(
    "t_evaluation",
    "好差评",
    (
        ("case_no", "varchar(24)", "办件编号"),
        ("stars", "int", "星级: 5 非常满意 … 1 非常不满意"),
        ("words", "varchar(200)", "评价内容"),
        ("channel", "varchar(10)", "评价渠道"),
        ("evaluated_at", "instant", "评价时间"),
        ("replied_at", "instant", "差评回复时间"),
        _TOUCHED,
    ),
    ("case_no",),
)
ENQUIRIES = Table(
    "t_enquiry",
    "咨询",
    (
        ("enquiry_no", "varchar(24)", "咨询编号"),
        ("item_code", "varchar(20)", "事项编码"),
        ("asker_no", "varchar(20)", "咨询人学号或工号"),
        ("topic", "varchar(60)", "主题"),
        ("unit_code", "varchar(12)", "答复单位"),
        ("asked_at", "instant", "咨询时间"),
        ("answered_at", "instant", "答复时间"),
        ("solved", "boolean", "是否解决"),
        _TOUCHED,
    ),
    ("enquiry_no",),
)
COMPLAINTS = Table(
    "t_complaint",
    "投诉",
    (
        ("complaint_no", "varchar(24)", "投诉编号"),
        ("case_no", "varchar(24)", "办件编号"),
        ("unit_code", "varchar(12)", "被投诉单位"),
        ("kind", "varchar(20)", "投诉类别: delay 超期, attitude 态度, repeat 重复要材料, refuse 推诿"),
        ("filed_at", "instant", "投诉时间"),
        ("closed_at", "instant", "办结时间"),
        ("upheld", "boolean", "是否属实"),
        _TOUCHED,
    ),
    ("complaint_no",),
)
APPOINTMENTS = Table(
    "t_appointment",
    "预约",
    (
        ("appointment_no", "varchar(24)", "预约编号"),
        ("item_code", "varchar(20)", "事项编码"),
        ("applicant_no", "varchar(20)", "预约人学号或工号"),
        ("campus", "varchar(2)", "校区"),
        ("window_no", "varchar(10)", "窗口"),
        ("slot_at", "instant", "预约时段"),
        ("state", "varchar(10)", "状态: booked 已约, came 已到, missed 爽约, cancelled 已取消"),
        _TOUCHED,
    ),
    ("appointment_no",),
)
TABLES = (CASES, STEPS, MATERIALS, CORRECTIONS, EVALUATIONS, ENQUIRIES, COMPLAINTS, APPOINTMENTS)
