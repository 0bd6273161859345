{{ config(enabled=requires('graduate.grades: student_no term course_no grade_kind credit score grade_point')) }}

{{ grade_summary(ref('stg_graduate__grades')) }}
