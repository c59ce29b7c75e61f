// What moves on open pages: the connection, what is new, and what cameras see.
import * as areas from "./areas.js";
import * as cameras from "./cameras.js";
import * as news from "./news.js";
import * as socket from "./socket.js";

news.start();
cameras.start();
areas.start();
socket.start();
