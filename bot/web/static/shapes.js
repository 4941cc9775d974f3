// What can be put on the canvas: a brush stroke, or a shape around a centre.

const TURN = 2 * Math.PI;

function polygon(context, corners) {
  context.beginPath();
  corners.forEach(([x, y]) => context.lineTo(x, y));
  context.closePath();
}

function spikes(count, inner) {
  return Array.from({ length: 2 * count }, (_, i) => {
    const radius = i % 2 ? inner : 1;
    const angle = (i * Math.PI) / count;
    return [radius * Math.sin(angle), -radius * Math.cos(angle)];
  });
}

const CROSS = [
  [-0.3, -0.9], [0.3, -0.9], [0.3, -0.3], [0.9, -0.3], [0.9, 0.3], [0.3, 0.3],
  [0.3, 0.9], [-0.3, 0.9], [-0.3, 0.3], [-0.9, 0.3], [-0.9, -0.3], [-0.3, -0.3],
];

/** Outlines inside the unit circle, y pointing down. */
const OUTLINES = {
  circle(context) {
    context.beginPath();
    context.arc(0, 0, 0.95, 0, TURN);
  },
  square(context) {
    polygon(context, [[-0.78, -0.78], [0.78, -0.78], [0.78, 0.78], [-0.78, 0.78]]);
  },
  triangle(context) {
    polygon(context, [[0, -0.85], [0.82, 0.65], [-0.82, 0.65]]);
  },
  star(context) {
    polygon(context, spikes(5, 0.42));
  },
  heart(context) {
    context.beginPath();
    context.moveTo(0, 0.85);
    context.bezierCurveTo(-1.3, -0.05, -0.8, -1.1, 0, -0.4);
    context.bezierCurveTo(0.8, -1.1, 1.3, -0.05, 0, 0.85);
  },
  ring(context) {
    context.beginPath();
    context.arc(0, 0, 0.95, 0, TURN);
    context.arc(0, 0, 0.52, 0, TURN, true);
  },
  diamond(context) {
    polygon(context, [[0, -0.95], [0.68, 0], [0, 0.95], [-0.68, 0]]);
  },
  cross(context) {
    polygon(context, CROSS);
  },
};

export const TOOLS = ["brush", ...Object.keys(OUTLINES)];

/** Draws one mark: {tool: "brush", points, width, colour} or {tool: a shape, x, y, radius, colour}. */
export function drawMark(context, mark) {
  context.save();
  context.fillStyle = context.strokeStyle = mark.colour;
  if (mark.tool === "brush") {
    context.lineWidth = mark.width;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    mark.points.forEach(([x, y]) => context.lineTo(x, y));
    if (mark.points.length === 1) {
      const [[x, y]] = mark.points;
      context.lineTo(x + 0.01, y); // a path without length would not be seen
    }
    context.stroke();
  } else {
    context.translate(mark.x, mark.y);
    context.scale(mark.radius, mark.radius);
    OUTLINES[mark.tool](context);
    context.fill();
  }
  context.restore();
}
