// /settings: the configuration is read anew.
import { _ } from "../words.js";
import { Refusal, send } from "../correct/api.js";
import { offer } from "../correct/keys.js";
import { toast } from "../correct/toasts.js";

async function reload() {
  try {
    await send("POST", "reload", {});
    toast(_("The configuration is being reloaded"));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    toast(error.message, { wrong: true });
  }
}

export function start() {
  if (location.pathname !== "/settings") return;
  offer([{ act: "reload", keys: [], words: _("Reload the configuration"), run: () => void reload() }]);
}
