// What every page does. Each part is a module of its own.
import "./appearance.js";
import "./correct/start.js";
import "./live/start.js";
import "./overlays.js";
import "./more.js";
import * as events from "./pages/events.js";
import * as history from "./pages/history.js";
import * as map from "./pages/map.js";
import * as search from "./pages/search.js";
import * as settings from "./pages/settings.js";
import * as suggestions from "./pages/suggestions.js";

for (const page of [events, history, map, search, settings, suggestions]) page.start();
