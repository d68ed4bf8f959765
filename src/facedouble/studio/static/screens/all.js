// The screens, in the order in which the work is done.

import { Convert } from "./convert.js";
import { Editor } from "./editor.js";
import { Faces } from "./faces.js";
import { Jobs } from "./jobs.js";
import { Project } from "./project.js";
import { Report } from "./report.js";
import { Train } from "./train.js";

export const screens = [
  { name: "project", component: Project },
  { name: "faces", component: Faces },
  { name: "editor", component: Editor },
  { name: "train", component: Train },
  { name: "convert", component: Convert },
  { name: "report", component: Report },
  { name: "jobs", component: Jobs },
];
