{#
  One row per student from one row per attempt. Of several attempts at a course the best counts, so a course failed
  and made up is passed and counts once. Passed: 60 points or more. Recognised or exempted courses (grade_kinds 5, 8)
  bring credits but no points into an average.
#}
{% macro grade_summary(grades) %}
with attempts as (
    select
        *,
        row_number() over (
            partition by student_no, course_no order by score desc, grade_point desc, term desc, grade_kind
        ) as place,
        case when grade_kind in ('5', '8') then 0 else credit end as counted_credit
    from {{ grades }}
),

courses as (
    select * from attempts where place = 1
)

select
    student_no,
    count(*) as courses,
    cast(sum(case when score >= 60 or grade_kind in ('5', '8') then credit else 0 end) as numeric(38, 2))
        as credits_earned,
    cast(sum(grade_point * counted_credit) / nullif(sum(counted_credit), 0) as numeric(38, 2))
        as grade_point_average,
    cast(sum(score * counted_credit) / nullif(sum(counted_credit), 0) as numeric(38, 2)) as average_score,
    sum(case when score < 60 and grade_kind not in ('5', '8') then 1 else 0 end) as failed_courses,
    max(term) as last_term
from courses
group by student_no
{% endmacro %}
