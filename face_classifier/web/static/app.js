// What every page does. Each part is a module of its own.
import "./appearance.js";
import "./correct/start.js";
