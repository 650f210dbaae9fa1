// Pictures on their way to a model: made small enough here, so that little travels.

/** Models look at no more than this, on the longer side. */
const LONGEST = 1568;
/** A picture that stays under this is sent as it is. */
const LIGHT = 700_000;
export const MOST_IMAGES = 8;
const AS_IS = new Set(["image/png", "image/jpeg", "image/webp", "image/gif"]);

/** `{media_type, data}` of a file; throws when it is no picture. */
export async function prepare(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size <= LIGHT && AS_IS.has(file.type)) {
    bitmap.close();
    return { media_type: file.type, data: await base64(file) };
  }
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  // Text in a screenshot stays sharp as PNG; what gets too heavy that way is a photograph.
  const png = file.type === "image/png" ? await blobOf(canvas, "image/png") : null;
  if (png && png.size <= LIGHT * 2) return { media_type: "image/png", data: await base64(png) };
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const jpeg = await blobOf(canvas, "image/jpeg", 0.88);
  return { media_type: "image/jpeg", data: await base64(jpeg) };
}

const blobOf = (canvas, type, quality) => new Promise((done) => canvas.toBlob(done, type, quality));

const base64 = (blob) =>
  new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });

/** The pictures in what was pasted or dropped. */
export const filesOf = (transfer) =>
  [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/"));

/** An address for a picture of an entry, or null when it is none that a browser shows without running anything. */
export const shownAt = ({ media_type, data }) =>
  AS_IS.has(media_type) && /^[\w+/=\s]*$/.test(data) ? `data:${media_type};base64,${data}` : null;
