// On a phone the details of a candidate open as a sheet over the list: a modal dialog, which keeps the list where it was and gives the focus back.
import { byId } from "./core.js";

const narrow = matchMedia("screen and (max-width: 700px)");
const sheet = byId("sheet"), detail = byId("detail"), home = detail.parentNode;

// The details stand beside the list, or in the sheet; they are the same node, so what was turned or lit up stays so.
function place() {
  const inside = detail.parentNode === sheet;
  if (narrow.matches === inside) return;
  if (inside) sheet.close();
  (narrow.matches ? sheet : home).append(detail);
}

function showSheet() {
  if (!narrow.matches || sheet.open) return;
  sheet.showModal();
  detail.scrollTop = 0;
}

byId("sheet-close").addEventListener("click", () => sheet.close());
sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); }); // beside it
sheet.addEventListener("close", () => {
  if (document.activeElement === document.body) document.querySelector("#table [aria-current]")?.focus({ preventScroll: true });
});
narrow.addEventListener("change", place);
place();

export { showSheet };
