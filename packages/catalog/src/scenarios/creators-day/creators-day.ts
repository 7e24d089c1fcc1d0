import type { Scenario } from "../scenario.ts";
import { DAY_STARTS_AT } from "./day.ts";
import { developerNewsletterSteps } from "./developer-newsletter.ts";
import { photographyCourseSteps } from "./photography-course.ts";
import { yogaTeacherSteps } from "./yoga-teacher.ts";

/**
 * One working day of three businesses on one platform. Sorting is stable: what an application does within one
 * minute keeps the order in which its story tells it.
 */
export const creatorsDay: Scenario = {
  name: "creators-day",
  title: "A creator's day",
  description:
    "A yoga teacher, a photography course and a developer newsletter on one Monday: sign-ups, sales, lessons, a certificate, failed payments, refunds and a chargeback.",
  startsAt: DAY_STARTS_AT,
  steps: [...yogaTeacherSteps, ...photographyCourseSteps, ...developerNewsletterSteps].toSorted(
    (left, right) => left.atMinutes - right.atMinutes,
  ),
};
