{{ config(enabled=requires('academic.grades: student_no term course_no grade_kind credit score grade_point')) }}

{{ grade_summary(ref('stg_academic__grades')) }}
