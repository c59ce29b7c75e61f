// Correcting at speed: everything that pages with faces and people can do.
import * as acts from "./acts.js";
import * as band from "./band.js";
import * as drag from "./drag.js";
import * as fresh from "./fresh.js";
import * as groups from "./groups.js";
import * as keys from "./keys.js";
import * as merge from "./merge.js";
import * as nearest from "./nearest.js";
import * as people from "./people.js";
import * as selection from "./selection.js";
import * as touch from "./touch.js";
import * as writes from "./writes.js";

keys.start();
keys.offer([...groups.deeds(), ...acts.deeds(), ...nearest.deeds(), ...people.deeds(), ...merge.deeds()]);
for (const part of [writes, touch, selection, groups, people, nearest, drag, band, fresh]) part.start();
