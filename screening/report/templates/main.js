// Where the page starts: the parts are loaded, then the list is asked for.
import "./detail.js";
import "./prints.js";
import { begin } from "./address.js";
import { start } from "./filters.js";
import { startPlot } from "./scatter.js";

start();
startPlot();
begin();
