import { defineEventType } from "./event-type.ts";
import { certificate, course, enrollment, lesson, milestone } from "./nouns/course.ts";
import { customer } from "./nouns/customer.ts";
import { described, objectOf } from "./schema.ts";
import { sampleCourse, sampleCustomer, sampleEnrollment } from "./sample-objects.ts";

/** What every event of a course is about: which course, whose place in it, how far along. */
const student = { course, enrollment, customer: described(customer, "The student.") };

export const enrollmentCreated = defineEventType({
  name: "enrollment.created",
  group: "courses",
  sentence: "Someone enrolls in a course",
  description: "A customer got a place in a course: bought, given, or by a subscription.",
  data: objectOf({ description: "The enrollment, its course and the student.", required: student }),
  example: {
    timestamp: "2026-10-05T17:31:42Z",
    data: { course: sampleCourse, enrollment: sampleEnrollment(0, null), customer: sampleCustomer },
  },
  personFields: [
    { path: "/data/customer/name", label: "Student", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/course/name", label: "Course", format: "text" },
    { path: "/data/enrollment/origin", label: "By", format: "choice" },
  ],
});

export const lessonCompleted = defineEventType({
  name: "lesson.completed",
  group: "courses",
  sentence: "Someone finishes a lesson",
  description: "A student finished a lesson for the first time; the enrollment's progress counts it already.",
  data: objectOf({ description: "The lesson, and whose it is.", required: { lesson, ...student } }),
  example: {
    timestamp: "2026-10-07T18:20:33Z",
    data: {
      lesson: {
        id: "les_7C5QOT9M",
        name: "Mixing three colours",
        position: 3,
        section: "First washes",
        url: "https://school.example.com/learn/watercolour/3",
      },
      course: sampleCourse,
      enrollment: sampleEnrollment(3, null),
      customer: sampleCustomer,
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Student", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/course/name", label: "Course", format: "text" },
    { path: "/data/lesson/name", label: "Lesson", format: "text" },
    { path: "/data/lesson/position", label: "Lesson number", format: "number" },
    { path: "/data/enrollment/progressPercent", label: "Progress", format: "percent" },
  ],
});

export const certificateEarned = defineEventType({
  name: "certificate.earned",
  group: "courses",
  sentence: "Someone earns a certificate",
  description: "A certificate was issued to a student.",
  data: objectOf({ description: "The certificate, and whose it is.", required: { certificate, ...student } }),
  example: {
    timestamp: "2026-11-02T20:05:00Z",
    data: {
      certificate: {
        id: "crt_0E4XNB6R",
        number: "WC-2026-0187",
        url: "https://school.example.com/certificates/WC-2026-0187",
        issuedAt: "2026-11-02T20:05:00Z",
        expiresAt: null,
      },
      course: sampleCourse,
      enrollment: sampleEnrollment(8, "2026-11-02T20:04:58Z"),
      customer: sampleCustomer,
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Student", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/course/name", label: "Course", format: "text" },
    { path: "/data/certificate/number", label: "Certificate", format: "text" },
    { path: "/data/certificate/url", label: "Link", format: "link" },
  ],
});

export const courseMilestoneReached = defineEventType({
  name: "course.milestone_reached",
  group: "courses",
  sentence: "Someone reaches a milestone in a course",
  description:
    "A student's progress reached a milestone of the course for the first time; 100 percent is finishing it.",
  data: objectOf({ description: "The milestone, and whose it is.", required: { milestone, ...student } }),
  example: {
    timestamp: "2026-10-12T18:02:17Z",
    data: {
      milestone: { id: "mil_9K1GSW4V", name: "Halfway there", percent: 50 },
      course: sampleCourse,
      enrollment: sampleEnrollment(4, null),
      customer: sampleCustomer,
    },
  },
  personFields: [
    { path: "/data/customer/name", label: "Student", format: "text" },
    { path: "/data/customer/email", label: "Email", format: "text" },
    { path: "/data/course/name", label: "Course", format: "text" },
    { path: "/data/milestone/name", label: "Milestone", format: "text" },
    { path: "/data/enrollment/progressPercent", label: "Progress", format: "percent" },
  ],
});
