"""The rules that a catalog keeps: a table, from which docs/catalog-rules.md is generated."""

from dataclasses import dataclass

ERROR = "error"
WARNING = "warning"


@dataclass(frozen=True)
class RuleText:
    """One rule of the check: what it demands, why, and how a breach is mended."""

    id: str
    severity: str
    demands: str
    why: str
    mend: str


_TABLE = (
    # files
    RuleText(
        "F01",
        ERROR,
        "A file is well-formed YAML or CSV in UTF-8.",
        "What cannot be parsed cannot be checked.",
        "mend the text at the line named",
    ),
    RuleText(
        "F02",
        ERROR,
        "A YAML value means the same under YAML 1.1 and 1.2.",
        "no, on, 01 and 10:30 are words to one parser and booleans or numbers to another.",
        "put the value or key in double quotes",
    ),
    RuleText(
        "F03",
        WARNING,
        "Every string value in YAML is quoted.",
        "An unquoted word is one edit away from changing its type.",
        "put the value in double quotes",
    ),
    RuleText(
        "F04",
        ERROR,
        "A mapping has each key once.",
        "Of two equal keys parsers keep either.",
        "remove one of the two",
    ),
    RuleText(
        "F05",
        ERROR,
        "A required file is there.",
        "Without campus.yaml, systems.yaml, units.csv and a contract there is no catalog.",
        "add the file",
    ),
    RuleText(
        "F06",
        ERROR,
        "A CSV register has the columns of its header, and each row as many cells as the header.",
        "A shifted cell is a wrong code.",
        "mend header or row; quote cells that contain commas",
    ),
    RuleText(
        "F07",
        ERROR,
        "A file of the catalog has a known name and place.",
        "A misspelt name would be silently ignored.",
        "rename or move the file",
    ),
    # values in registers and YAML files
    RuleText(
        "V01",
        ERROR,
        "A required key is present and not empty.",
        "Nothing can stand in for it.",
        "add the key",
    ),
    RuleText(
        "V02",
        ERROR,
        "A key is one that is known at its place.",
        "A misspelt key would be silently ignored.",
        "correct or remove the key",
    ),
    RuleText(
        "V03",
        ERROR,
        "A value is of the type and among the words its key allows.",
        "Generators rely on a closed list.",
        "use one of the values named",
    ),
    RuleText(
        "V04",
        ERROR,
        "Codes, names and keys are unique in their register.",
        "A reference to one of two is a guess.",
        "give one of them another code",
    ),
    RuleText(
        "V05",
        ERROR,
        "Codes and ids are ASCII.",
        "They become file names, table names and addresses.",
        "use A–Z, a–z, 0–9, -, _ and .",
    ),
    RuleText(
        "V06",
        ERROR,
        "A date is written YYYY-MM-DD and a period does not end before it begins.",
        "Validity decides rights.",
        "write the date as 2026-09-01",
    ),
    RuleText(
        "V07",
        WARNING,
        "A word that only people read is one of the usual ones, or of those the campus adds.",
        "A slip makes a kind of its own, and every list counts it apart.",
        "correct it, or add it under words in campus.yaml",
    ),
    # contracts
    RuleText(
        "C01",
        ERROR,
        "A contract is valid under the ODCS 3.2.0 JSON Schema.",
        "Others read our contracts with their own tools.",
        "see the ODCS 3.2.0 standard for this key",
    ),
    RuleText(
        "C02",
        ERROR,
        "A custom property is of the fixed list for its place.",
        "A misspelt property would be silently ignored.",
        "correct or remove the property",
    ),
    RuleText(
        "C03",
        ERROR,
        "A contract describes one resource, named as its file: resources/<system>/<table>.odcs.yaml, name"
        ' "<system>.<table>".',
        "The name is the table's and the API's.",
        "make name and place agree",
    ),
    RuleText(
        "C04",
        ERROR,
        "A contract says its status.",
        "ODCS does not demand it; publication needs it.",
        'add status: "active"',
    ),
    RuleText(
        "C05",
        ERROR,
        "A resource has a primary key of required items.",
        "Differences, absence and facts all go by the key.",
        "mark the key's items primaryKey: true and required: true",
    ),
    RuleText(
        "C06",
        ERROR,
        "What a contract refers to exists: system, provider, element, code table, population, service "
        "item, resource, related code, item.",
        "A dangling name is a promise nobody keeps.",
        "correct the name",
    ),
    RuleText(
        "C07",
        ERROR,
        "A code map's targets are codes of the item's code table.",
        "A value mapped to an unknown code would be refused row by row.",
        "map to a code of the table",
    ),
    RuleText(
        "C08",
        ERROR,
        "A row rule is SELECT COUNT(*) FROM ${object} WHERE …, parses as DuckDB SQL, reads only its own "
        "row and names only known items.",
        "Admission takes its WHERE clause and judges each row by it.",
        "rewrite the query",
    ),
    RuleText(
        "C09",
        ERROR,
        "An element has one authoritative item per population (一数一源).",
        "Two sources are a conflict that people must decide, not software.",
        "set authoritative: false on one of them, or give them different populations",
    ),
    RuleText(
        "C10",
        ERROR,
        "An item is authoritative only where the resource's key is the subject's key, or with many or pick.",
        "Otherwise several rows would answer for one subject.",
        "add many: true or pick, or make a derived resource",
    ),
    RuleText(
        "C11",
        ERROR,
        "Ingest names items that exist and fits its mode: watermark and intraday have a watermark, append a "
        "partition or watermark, intraday everyMinutes; keySweep is for watermark and intraday.",
        "A watermark that is not there reads everything, or nothing.",
        "correct the ingest block",
    ),
    RuleText(
        "C12",
        ERROR,
        "The condition of a share type is stated: conditional needs shareCondition or limitations, none "
        "needs noShareBasis.",
        "A closed door needs a legal basis (国令809, 2017 guide).",
        "state condition or basis",
    ),
    RuleText(
        "C13",
        ERROR,
        "A resource states system, resourceCode, shareType, tier, secrecy and updateCycle.",
        "The 2017 guide's core set.",
        "add the property",
    ),
    RuleText(
        "C14",
        ERROR,
        "A secret resource is not in the catalog.",
        "State secrets never land; the catalog may not even describe them.",
        "remove the contract; exclude secret rows of an open resource with ingest.exclude",
    ),
    RuleText(
        "C15",
        ERROR,
        "The subject's keys are items of the resource.",
        "Identity links go by them.",
        "correct the subject block",
    ),
    RuleText(
        "C16",
        ERROR,
        "A relationship goes to another resource's items of the same type.",
        "A reference that cannot match blocks its resource.",
        "correct relationships",
    ),
    RuleText(
        "C17",
        WARNING,
        "A relationship goes to the whole key of its resource.",
        "A reference to part of a key finds several rows.",
        "refer to all items of the key",
    ),
    RuleText(
        "C18",
        ERROR,
        "Authoritative definitions are not of a type that other tools fetch.",
        "datacontract-cli downloads type definition and semantics.",
        "use type taxonomy or businessDefinition",
    ),
    RuleText(
        "C19",
        WARNING,
        "An item's type fits its element's type.",
        "The same quantity has one type campus-wide.",
        "correct logicalType or the element",
    ),
    RuleText(
        "C20",
        ERROR,
        "A resource of a lookup system says what it is asked with: read.params names the source's parameters, each "
        "with an item that is the subject's key or has an element.",
        "It is asked with facts that we hold; nothing else may leave.",
        'add read.params, for example {id_no: "id_no", name: "name"}',
    ),
    RuleText(
        "C21",
        ERROR,
        "Update cycle realtime is only for resources read intraday every 5 minutes or oftener, and for those of "
        "lookup systems.",
        "What is read once a day is not 实时, whatever is declared.",
        "read it intraday, or state the cycle in which it really comes",
    ),
    RuleText(
        "C22",
        WARNING,
        "A resource states the rest of the field list: category, dataLevel, subset, isOpen, publishedOn, "
        "retention, businessName, description.purpose, and what the absence of a row means (ingest.onAbsence).",
        "The 2017 guide and GB/T 43697 ask for them; readers choose by them.",
        "add the property",
    ),
    RuleText(
        "C23",
        WARNING,
        "A resource code is 类 (one digit), 项 (two), 目 (three), 细目, a slash and a sequence; its category names "
        "the same place, 类/项/目, and a place has one name.",
        "Both say where the resource stands in the tree of the 2017 guide.",
        "make code and category agree",
    ),
    RuleText(
        "C24",
        ERROR,
        "What is not shared is not open to society, and openCondition is for what is open.",
        "The public would read what the campus may not.",
        "set isOpen: false, or have the share type decided anew",
    ),
    RuleText(
        "C25",
        WARNING,
        "A sensitive item that can be shared has a mask, its own or its element's.",
        "A grant gives it in clear only where the demand was granted it unmasked.",
        'add mask, for example "hide" or "keep:3,4"',
    ),
    RuleText(
        "C26",
        WARNING,
        "An item with an element is its authoritative source or says from which item it is copied.",
        "A copy of nothing known cannot be compared with its source (一数一源).",
        'add derivedFrom: "<system>.<table>.<item>" (empty where no single item is the source), or authoritative: true',
    ),
    RuleText(
        "C27",
        WARNING,
        "A stated way of sharing fits the format: files are downloaded, a database is read as one or by an "
        "interface.",
        "CATALOG §3.1.",
        "correct shareModeType or formatClass",
    ),
    RuleText(
        "C28",
        WARNING,
        "A resource has a quality gate: a rule of severity error, or qualityGate.",
        "Without one whatever comes is good enough.",
        "add a rule under quality, or qualityGate",
    ),
    RuleText(
        "C29",
        WARNING,
        "What the person may not see, or not yet, has its basis.",
        "A person is shown what is kept of them unless a rule says otherwise.",
        "add subjectViewBasis",
    ),
    RuleText(
        "C30",
        WARNING,
        "A stated formatType is one of its formatClass (信息资源格式类型), or formatNote says what it is "
        "(其他格式描述).",
        "The form of the 2017 guide has these words; others cannot be told apart by who receives it.",
        "write a word of the list, or say in formatNote what it is",
    ),
    RuleText(
        "C31",
        ERROR,
        "The subject's key, and its links, are no sensitive items.",
        "Sensitive items are sealed, and nobody can be looked for by what has to be opened first; numbers of documents "
        "belong under subject.identity, where they are looked for sealed.",
        "name the number that the system itself gives its people, and the document under subject.identity",
    ),
    RuleText(
        "C32",
        ERROR,
        "Watermark and partition are no sensitive items.",
        "The ledger of extracts and the store say them beside the rows, where nothing is sealed.",
        "name another item, or read the resource in full",
    ),
    RuleText(
        "C33",
        ERROR,
        "The bounds of a value (validity) are two different dates or times of its row, which whoever is told the value "
        "may be told too: shared, not sensitive, and not hidden from the person.",
        "They are told with the value, as valid_from and valid_until, and decide whether it is still so.",
        "name the items that say from when until when the value holds, or take validity out",
    ),
    RuleText(
        "C34",
        WARNING,
        "A contract, or a service item, that is deprecated says since when (deprecatedOn) and its last day (validTo), "
        "in this order.",
        "Whoever asks is told in time, in the answer's headers, that it will end.",
        "add what is missing, or take deprecatedOn out",
    ),
    # registers
    RuleText(
        "R01",
        ERROR,
        "What a register refers to exists: parent and successor unit, code table, population, its register.",
        "A dangling code is a gap nobody sees.",
        "correct the code",
    ),
    RuleText(
        "R02",
        ERROR,
        "A population's rule parses as DuckDB SQL and names only items of its register.",
        "Membership is decided by it.",
        "correct the rule",
    ),
    RuleText(
        "R03",
        WARNING,
        "The calendar lists the present year and, from 1 December, the next.",
        "Every limit and freshness promise counts days by it.",
        "add the missing year to calendar.csv",
    ),
    RuleText(
        "R04",
        ERROR,
        "A chain of parents does not return to itself.",
        "Nobody would be responsible.",
        "correct the parent",
    ),
    # lists
    RuleText(
        "L01",
        ERROR,
        "The case log (caseLog in campus.yaml) names a resource, and for each part an item of it of the right type.",
        "Volumes, limits and visits are counted from it; a wrong name would count nothing.",
        "correct the name",
    ),
    RuleText(
        "R05",
        WARNING,
        "An outside body has its uscc (GB 32100), and every uscc passes its check digit.",
        "The code is what other authorities know it by.",
        "correct or add uscc",
    ),
    RuleText(
        "R06",
        WARNING,
        "Who answers for something exists on this day and has its posts: accountable and steward.",
        "A responsibility or grant of an ended unit or vacant post is a named gap, and goes to the successor, "
        "else the parent (CATALOG §3.3).",
        "name the unit that answers now, or fill the post in units.csv",
    ),
    RuleText(
        "R07",
        ERROR,
        "Who may be a minor can be told: the birth date is a date element with a stored source, named wherever a "
        "population may hold minors, and guardians stand in an item of a resource about persons.",
        "A child whose age nobody can tell would be answered like an adult, or nobody would be answered.",
        "name the element under minors.birthDate of campus.yaml, or correct the name",
    ),
    RuleText(
        "R08",
        ERROR,
        "A client's own names and codes stand for one element and one code each, and a mapped code table is mapped "
        "whole.",
        "A name of two meanings is a wrong datum; a code that is not mapped could be read as another.",
        "give each element and code of clients.yaml a word of its own",
    ),
    RuleText(
        "R09",
        ERROR,
        "A relation between things and persons has two items of a stored resource that hold known kinds of numbers, "
        "leads from a thing to persons, and shows them (ownFacts) only what some source has of the thing.",
        "What makes somebody's case one about a project, unit or room is never guessed.",
        "correct the name under relations of campus.yaml, say how it goes on (then), or correct ownFacts",
    ),
    RuleText(
        "R10",
        ERROR,
        "What a client may do beside asking (jobs, usages, corrections, questions, certificates, sessions, windows) is "
        "true or false, and what it does for a unit names the unit; its quotas are numbers; no other keys.",
        "A misspelt switch would be off, and somebody would wait for an answer that nobody may give.",
        "correct the key or value in clients.yaml",
    ),
    # rules between systems
    RuleText(
        "B01",
        ERROR,
        "A rule between systems is one mapping in a file of its own, named by its id.",
        "A finding names the rule, and its reader looks for the file.",
        "name the file after the id",
    ),
    RuleText(
        "B02",
        ERROR,
        "A rule between systems names resources and items that exist, and blocks one of those that it reads.",
        "A rule that cannot run counts as failed, and takes its resource back.",
        "correct the name",
    ),
    RuleText(
        "B03",
        ERROR,
        "The SQL of a rule between systems parses as PostgreSQL, is one SELECT and one condition, and reads only "
        "raw.<system>__<table> of the resources that it needs.",
        "What it reads decides when it is asked; what it cannot read stops a release.",
        "correct the SQL, or name the resource under needs",
    ),
    # service items and materials
    RuleText(
        "S01",
        ERROR,
        "What a service item refers to exists: units, elements, materials, power, main item.",
        "A form field without an element cannot be filled.",
        "correct the code",
    ),
    RuleText(
        "S02",
        ERROR,
        "Every fact a material proves has a source, or the material has a named gap.",
        "Every demand row resolves to one responsibility row or to a named gap (CATALOG §2 A).",
        'make an item authoritative for the element, or set gap: "无源" (or 争议, 不予共享, 待归集)',
    ),
    RuleText(
        "S03",
        ERROR,
        "A predicate is is_known, is_true, not_expired, in:…, eq:…, ge:n or le:n.",
        "Others cannot be judged.",
        "use one of the predicates named",
    ),
    RuleText(
        "S04",
        ERROR,
        "A service item keeps the guide's rules: 即办件 promises 0 days, depth IV means 0 visits, visits "
        "above 0 have a reason.",
        "CATALOG §3.5.",
        "make the fields agree",
    ),
    RuleText(
        "S05",
        ERROR,
        "The steps' units take part in the item, sequence numbers are unique and a flow has a first step.",
        "A case would stop at nobody's desk.",
        "correct the steps",
    ),
    RuleText(
        "S06",
        WARNING,
        "A form field that the applicant may not edit has a source.",
        "It would stay empty and closed.",
        "make an item authoritative for the element, or editable: true",
    ),
    RuleText(
        "S07",
        WARNING,
        "A service item's guide has every field that an applicant needs (CATALOG §3.4).",
        "What the guide leaves out is asked at the counter.",
        "add the fields",
    ),
    RuleText(
        "S08",
        WARNING,
        "Every channel has its address, a window its places with address and hours at a site of campus.yaml, and "
        "depth III or IV an online channel.",
        "Nobody finds a channel without address.",
        "add urls or places, or take the channel out",
    ),
    RuleText(
        "S09",
        WARNING,
        "Without visits and not online, the result is posted, put into a locker, printed at a kiosk or handled "
        "by proxy.",
        "Otherwise somebody comes all the same.",
        "add a way to result.delivery, or count the visit",
    ),
    RuleText(
        "S10",
        WARNING,
        "A fee has basis, standard and onlinePayment; without fee there is no online payment.",
        "CATALOG §3.5.",
        "make fee agree",
    ),
    RuleText(
        "S11",
        WARNING,
        "A result has a sample, and a 证 is of kind 出证.",
        "The applicant must know what comes.",
        "add result.sample, or correct result.kind",
    ),
    RuleText(
        "S12",
        WARNING,
        "Questions and complaints go to different telephones, and every unit that takes part has a contact.",
        "Nobody complains to whom the complaint is about.",
        "correct consult, complaint or contacts",
    ),
    RuleText(
        "S13",
        WARNING,
        "Conditions and materials name what is asked for; no catch-all clause.",
        '"其他材料" is how the second visit begins (一次性告知).',
        "name it, or take it out",
    ),
    RuleText(
        "S14",
        WARNING,
        "A form has a filled-in sample and a blank.",
        "Forms without a model are refused.",
        "add sample and blank",
    ),
    RuleText(
        "S15",
        WARNING,
        "What is unified reads the same at every site, and under one name (八统一).",
        "The same matter must not depend on the door one knocks at.",
        "unify the field, or give the items different names",
    ),
    RuleText(
        "S16",
        WARNING,
        "A life event of students is for students, one of staff for staff.",
        "A guide is found by whom it is for.",
        "correct lifeEvent or audience",
    ),
    RuleText(
        "S17",
        WARNING,
        "More than one visit is on the negative list or a special requirement, with the reason; at most one is "
        "not on the negative list.",
        "最多跑一次 with its exceptions named.",
        "reduce the visits, or add negativeList: {reason: …}",
    ),
    RuleText(
        "S18",
        WARNING,
        "A joint item (联办件) has joint units and says what they coordinate.",
        "The lead must know with whom.",
        "add jointUnits and coordination",
    ),
    RuleText(
        "S19",
        WARNING,
        "A material that is not always required says when it is.",
        "The applicant cannot know otherwise.",
        "add condition",
    ),
    RuleText(
        "S20",
        WARNING,
        "What is promised is not longer than the law allows.",
        "A promise may shorten the law, never stretch it.",
        "correct promisedLimit or statutoryLimit",
    ),
    RuleText(
        "S21",
        WARNING,
        "A flow holds together: a parallel group has several steps in one place that agree on join and onReturn, "
        "somebody ends every case, codes are unique, and what a step waits for somebody brings.",
        "A case would wait for ever, or a step for a case.",
        "correct the steps",
    ),
    RuleText(
        "S22",
        WARNING,
        "The steps' limits on the longest way add up to no more than is promised.",
        "The promise cannot be kept even if everybody keeps his limit.",
        "shorten the steps, or promise what is true",
    ),
    RuleText(
        "S23",
        WARNING,
        "A material states kind, source and form, its issuer if it is ours, the facts it proves or the gap why "
        "none can be read, and one paper has one code.",
        "Only what a material proves can be read instead of it.",
        "complete the register of materials",
    ),
    RuleText(
        "S24",
        WARNING,
        "A material on paper states copies and spec as what is to be brought, any other neither; a form that is filled "
        "in online says where (线上工作路径).",
        "Who reads the guide prepares by it; a form that cannot be found is asked for at the window.",
        "correct copies, take out spec, or add onlinePath",
    ),
    RuleText(
        "S25",
        WARNING,
        "The guide names at once everything to be brought (一次性告知): no notice, step or answer leaves it open or "
        "asks for a material that the item does not list.",
        "What stands outside the list is asked for at the second visit.",
        "list the material, or say what the sentence means",
    ),
    RuleText(
        "S26",
        ERROR,
        "A form field that the applicant declares has an element about persons, and can be edited.",
        "What is declared is kept as a fact and offered in the next form, to be changed there.",
        "name the element and set editable: true, or remove declared",
    ),
    RuleText(
        "S27",
        ERROR,
        "The relations that a service item admits exist and begin at a project, unit or room.",
        "Whoever applies would be asked about things that are none of their business, or never.",
        "name a relation of campus.yaml",
    ),
    # demands
    RuleText(
        "D01",
        ERROR,
        "What a demand refers to exists: unit, client, elements, service item, materials.",
        "A right to nothing is a mistake.",
        "correct the code",
    ),
    RuleText(
        "D02",
        ERROR,
        "A decided demand is complete: basis, ground, client, validity, who decided and when.",
        "A grant without its paper is not one.",
        "add what is missing",
    ),
    RuleText(
        "D03",
        ERROR,
        "A granted demand asks for nothing that is not shared.",
        "An item of share type none is never granted.",
        "remove the element, or have its share type decided anew",
    ),
    RuleText(
        "D04",
        WARNING,
        "Every element of a granted demand has a source.",
        "Every demand row resolves to one responsibility row or to a named gap.",
        "make an item authoritative for the element, or remove it from the demand",
    ),
    RuleText(
        "D05",
        WARNING,
        "What a granted demand asks for is used by its service item.",
        "As little data as the purpose needs.",
        "remove the element, or add it to form or materials",
    ),
    RuleText(
        "D06",
        WARNING,
        "A demand states contact, basis, frequency and retention, and a granted one its mode and scope.",
        "The row of the demand list (CATALOG §3.7).",
        "add the fields",
    ),
    RuleText(
        "D07",
        WARNING,
        "A task states its population, its end and when the data are destroyed.",
        "What is given for a task ends with it.",
        "add population, validTo and destroyBy",
    ),
    RuleText(
        "D08",
        WARNING,
        "A granted demand is within its validity.",
        "An expired grant gives nothing, and somebody relies on it.",
        "renew it, or close it as expired",
    ),
    RuleText(
        "D09",
        WARNING,
        "A dispute names the minutes of its meeting, and a refusal its ground.",
        "争议 goes to a 认责会议; a door closes with a reason.",
        "add decision.minutes or decision.opinion",
    ),
    RuleText(
        "D10",
        WARNING,
        "A grant was decided as approvals.yaml asks: undertaking, impact assessment, two persons where sensitive "
        "data is concerned; about a population that may hold minors with an assessment in any case.",
        "Care is taken where it is due.",
        "complete the decision",
    ),
    RuleText(
        "D11",
        ERROR,
        "A granted demand that rests on consent names a notice; the notice is for its purpose and lists elements of "
        "the demand, all of them where consent is the ground.",
        "Nobody can consent to what they are not told (PIPL §§14, 23, 29).",
        "name the notice, or complete it in notices.yaml by a new version",
    ),
    RuleText(
        "D12",
        ERROR,
        "What a task may be told in sums is counted by at most three of its coded elements, measures numbers among "
        "them (sum, mean, extremes), is about known populations, and no other task of the client is about one of them.",
        "Two tables over nearly the same people tell, by their difference, of the few who are in one only.",
        "correct the codes, or put all tables of a client and population into one task",
    ),
    RuleText(
        "D13",
        ERROR,
        "What a task may be told person by person are elements of it with a landed source, about populations with a "
        "register of persons, until a day on which all is destroyed; about one that may hold children only with an "
        "assessment.",
        "Rows are the exception: who is told, of whom and until when stands in the decision (PIPL §§6, 19, 31, 55).",
        "complete the demand, or ask for sums (aggregates)",
    ),
    RuleText(
        "D14",
        ERROR,
        "A task of which people are not told for now is one with rows on a legal duty, names the rule by which they "
        "are not and the last day, at most a year after the task's own, and was decided by two persons.",
        "Everybody sees who read their data; an exception has a law, an end and more than one who answers for it "
        "(PIPL §§18, 35).",
        "complete confidential (basis, until) and the decision, or take it out",
    ),
    # notices
    RuleText(
        "N01",
        ERROR,
        "What a notice refers to exists: elements, service items.",
        "A consent to nothing is none.",
        "correct the code",
    ),
    RuleText(
        "N02",
        ERROR,
        "Of the versions of a notice one begins on a day.",
        "Which text is in force must be plain.",
        "give the newer version a later validFrom",
    ),
    # posts
    RuleText(
        "O01",
        ERROR,
        "A post that somebody holds is named by a unit or a contract.",
        "A post of no unit would give rights that nobody answers for.",
        "correct the post, or name it in units.csv",
    ),
    RuleText(
        "O02",
        ERROR,
        "A role suits its post: a unit's accountable post is its head, its steward a steward, its contact a clerk; the "
        "data office and the reform office are the units that campus.yaml names.",
        "Who may do what in the portal follows from duties that are published.",
        "correct the role, or the post's place in units.csv",
    ),
    RuleText(
        "O03",
        ERROR,
        "A deputy stands in for another person, in the same post and role, and no longer than that holds.",
        "A deputy never has more than the person stood in for.",
        "correct deputyOf, the post, the role or the dates",
    ),
    RuleText(
        "O04",
        ERROR,
        "The kind of number by which posts.csv names holders is one by which resources know persons.",
        "Numbers of two kinds may be equal: without its kind a number would give a post to somebody else.",
        "write the kind as holderIdType into campus.yaml",
    ),
    # certificates
    RuleText(
        "K01",
        ERROR,
        "What a kind of certificate refers to exists: unit, populations, materials, elements; its unit names the post.",
        "A certificate of nobody, about nothing.",
        "correct the code, or name the post in units.csv",
    ),
    RuleText(
        "K02",
        ERROR,
        "In the sentences of a certificate braces hold elements that it always states, and nothing else.",
        "A sentence is text, not a program, and never has a gap.",
        "state the element, or take it out of the sentence",
    ),
    RuleText(
        "K03",
        ERROR,
        "What a certificate states has a stored source for each of its populations, of which there is a register, one "
        "value, and is seen by the person (subjectView).",
        "Nobody hands out a paper about what they may not see themselves, and what nobody verified is not certified.",
        "take the element or the population out, or correct subjectView",
    ),
    RuleText(
        "K04",
        ERROR,
        "A sensitive element is printed masked, or the kind names the basis of printing it whole; what is printed "
        "masked has a mask.",
        "A paper is copied and passed on.",
        'add "masked" or "basis", or a mask in elements.csv',
    ),
    RuleText(
        "K05",
        ERROR,
        "A certificate is valid for 30 to 180 days, as the person chooses.",
        "Shorter helps nobody, longer says what is no more.",
        "correct validityDays",
    ),
    # powers
    RuleText(
        "P01",
        ERROR,
        "What a power refers to exists: unit, service items.",
        "A power of nobody, over nothing.",
        "correct the code",
    ),
    RuleText(
        "P02",
        WARNING,
        "A power has every column of the power list (权责清单).",
        "The list is published whole.",
        "add the columns",
    ),
    RuleText(
        "P03",
        WARNING,
        "A service item that decides stands on one power, and power and item name each other (清单之外无权力).",
        "What is decided without a power is not a right.",
        "add power to the item and the item to the power",
    ),
    RuleText(
        "P04",
        WARNING,
        "A power has a service item, and its unit takes part in it.",
        "A power that nobody can apply for is none.",
        "add the service item, or take the power off the list",
    ),
    # forms in Word
    RuleText(
        "W01",
        ERROR,
        "A form in Word holds text, pictures and placeholders, and nothing that runs, opens or fetches something.",
        "It is opened at every window.",
        "save it anew without macros, objects and links, with {{ field }} alone as placeholders",
    ),
    RuleText(
        "W02",
        ERROR,
        "A form in Word is named after its service item, and its placeholders are fields of that item's form.",
        "A blank would be printed.",
        "name the file <code>.docx, and use the names of form",
    ),
    # approvals
    RuleText(
        "A01",
        ERROR,
        "An approval has steps, numbered in their order.",
        "Who decides after whom must be plain.",
        "number the steps 1, 2, 3",
    ),
    RuleText(
        "A02",
        WARNING,
        "A post that decides is one of units.csv.",
        "Nobody would decide.",
        "correct the post, or add it to units.csv",
    ),
    RuleText(
        "A03",
        WARNING,
        "A demand of what is shared without condition waits for nobody but the data office.",
        "A queue would make it conditional (CATALOG §3.7).",
        "give the other steps limit_days: 0",
    ),
    RuleText(
        "A04",
        WARNING,
        "Two persons decide only where sensitive personal data is concerned, and then two do.",
        "Care where it is due, and no queue elsewhere.",
        "correct fourEyes, when or steps",
    ),
)

RULES: dict[str, RuleText] = {rule.id: rule for rule in _TABLE}
