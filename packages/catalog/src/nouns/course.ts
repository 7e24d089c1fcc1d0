import { type Accepted, choice, count, id, label, link, objectOf, time } from "../schema.ts";

export const course = objectOf({
  description: "The course.",
  required: {
    id: id("Stable id of the course."),
    name: label("Name of the course as students see it."),
  },
  optional: {
    url: link("Page of the course."),
    lessonCount: count("How many lessons it has.", { min: 0 }),
    productId: id("Stable id of the product that gives access to it."),
  },
});

export type Course = Accepted<typeof course>;

export const lesson = objectOf({
  description: "The lesson.",
  required: {
    id: id("Stable id of the lesson."),
    name: label("Name of the lesson as students see it."),
    position: count("Its place in the course, from 1.", { min: 1 }),
  },
  optional: {
    section: label("Name of the section it belongs to."),
    url: link("Page of the lesson."),
  },
});

export type Lesson = Accepted<typeof lesson>;

/** Progress is the enrollment's, not the lesson's: it is the one number that every course event can carry. */
export const enrollment = objectOf({
  description: "The enrollment: this customer's place in this course.",
  required: {
    id: id("Stable id of the enrollment."),
    enrolledAt: time("When the customer was enrolled."),
    progressPercent: count("How much of the course is done, 0 to 100, at the time of the event.", {
      min: 0,
      max: 100,
    }),
  },
  optional: {
    lessonsCompleted: count("How many lessons are done.", { min: 0 }),
    origin: choice("How the customer got the place; other for anything that fits nothing else.", [
      "purchase",
      "subscription",
      "gift",
      "free",
      "manual",
      "import",
      "other",
    ]),
    orderId: id("The order that gave the place; null when there was none."),
    expiresAt: time("When access ends; null for as long as the course exists."),
    completedAt: time("When the course was finished; null while it is not."),
  },
});

export type Enrollment = Accepted<typeof enrollment>;

export const certificate = objectOf({
  description: "The certificate.",
  required: {
    id: id("Stable id of the certificate."),
    number: label("Number printed on it, by which others can check it."),
    url: link("Page or PDF of the certificate."),
    issuedAt: time("When it was issued."),
  },
  optional: {
    expiresAt: time("When it stops being valid; null for never."),
  },
});

export type Certificate = Accepted<typeof certificate>;

export const milestone = objectOf({
  description: "The milestone: a point of the course that the creator named.",
  required: {
    id: id("Stable id of the milestone."),
    name: label("Name of the milestone as students see it."),
    percent: count("How much of the course must be done to reach it, 1 to 100.", { min: 1, max: 100 }),
  },
});

export type Milestone = Accepted<typeof milestone>;
