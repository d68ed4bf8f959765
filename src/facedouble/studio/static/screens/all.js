// The screens, in the order in which the work is done.

import { Jobs } from "./jobs.js";
import { Project } from "./project.js";

export const screens = [
  { name: "project", component: Project },
  { name: "jobs", component: Jobs },
];
