// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Writes an SVG document. Colours are defined only by classes in the style sheet, never at an element. */
final class Svg {
    /**
     * The style of all pictures. Each kind of box has a class, {@code k0} to {@code k5}. A renderer that does not
     * support colour schemes ignores the second half, and uses the light colours.
     */
    private static final String STYLE = """
            <style>
            text{font:12px sans-serif;fill:#1f2328}
            .t{font-weight:bold;font-size:15px}.m{fill:#59636e}.i{fill:#59636e;font-style:italic}
            .a{font:11px monospace}.b{font:10px monospace;text-anchor:middle}.e{text-anchor:end}
            .c{fill:#59636e;text-anchor:middle}
            .bg{fill:#ffffff}.lane{fill:#f6f8fa}.tick{stroke:#d1d9e0}.gap{stroke:#818b98;stroke-dasharray:3 3}
            .k0{fill:#eaeef2;stroke:#818b98}.k1{fill:#d6e6fb;stroke:#3767b1}.k2{fill:#cdeed7;stroke:#2f7d4a}
            .k3{fill:#fbe7bd;stroke:#a8741a}.k4{fill:#fad1cf;stroke:#b3362f}.k5{fill:#ecdcf4;stroke:#8a4a93}
            .s{stroke-width:2.5}.d0{fill:#3767b1}.d1{fill:#d08a1d}
            @media (prefers-color-scheme:dark){
            text{fill:#e6edf3}.m,.i,.c{fill:#9198a1}
            .bg{fill:#0d1117}.lane{fill:#151b23}.tick{stroke:#30363d}.gap{stroke:#656c76}
            .k0{fill:#212830;stroke:#818b98}.k1{fill:#12305c;stroke:#6ea2ea}.k2{fill:#0f3d20;stroke:#57ab72}
            .k3{fill:#4d360a;stroke:#d6a545}.k4{fill:#5a1715;stroke:#ee7a72}.k5{fill:#3d2247;stroke:#c08bd0}
            .d0{fill:#6ea2ea}.d1{fill:#d6a545}
            }
            </style>
            """;

    private static final int LAST_CONTROL = 0x1f;

    private final StringBuilder out = new StringBuilder();

    /**
     * Starts a document with a background.
     *
     * @param width its width in pixels
     * @param height its height in pixels
     * @param label a description of the picture for users who cannot see it
     */
    Svg(double width, double height, String label) {
        out.append("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ")
                .append(number(width))
                .append(' ')
                .append(number(height))
                .append("\" width=\"")
                .append(number(width))
                .append("\" height=\"")
                .append(number(height))
                .append("\" role=\"img\" aria-label=\"")
                .append(escape(label))
                .append("\">\n")
                .append(STYLE);
        box("bg", 0, 0, width, height, null);
    }

    /** Draws a box. A viewer shows the hint while the pointer is over the box. */
    void box(String kind, double x, double y, double width, double height, @Nullable String hint) {
        out.append("<rect class=\"").append(kind).append('"');
        attribute("x", x);
        attribute("y", y);
        attribute("width", width);
        attribute("height", height);
        if (hint == null) {
            out.append("/>\n");
        } else {
            out.append("><title>").append(escape(hint)).append("</title></rect>\n");
        }
    }

    void line(String kind, double x1, double y1, double x2, double y2) {
        out.append("<line class=\"").append(kind).append('"');
        attribute("x1", x1);
        attribute("y1", y1);
        attribute("x2", x2);
        attribute("y2", y2);
        out.append("/>\n");
    }

    void text(String kind, double x, double y, String text) {
        text(kind, x, y, text, text);
    }

    /** Writes a text in place of a longer one, which a viewer shows while the pointer is over the text. */
    void text(String kind, double x, double y, String text, String whole) {
        out.append("<text class=\"").append(kind).append('"');
        attribute("x", x);
        attribute("y", y);
        out.append('>');
        if (!text.equals(whole)) {
            out.append("<title>").append(escape(whole)).append("</title>");
        }
        out.append(escape(text)).append("</text>\n");
    }

    /** Ends the document, and returns it. Nothing may be written afterwards. */
    String end() {
        return out.append("</svg>\n").toString();
    }

    private void attribute(String name, double value) {
        out.append(' ').append(name).append("=\"").append(number(value)).append('"');
    }

    private static String number(double value) {
        String text = String.format(Locale.ROOT, "%.1f", value);
        return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }

    /**
     * Escapes a text for an XML document. XML cannot represent control characters and lone surrogates. A control
     * character is replaced with a backslash and three octal digits, like a line feed in {@code /proc/PID/maps}. A lone
     * surrogate is replaced with the replacement character.
     */
    static String escape(String text) {
        StringBuilder escaped = new StringBuilder(text.length());
        text.codePoints().forEach(point -> {
            switch (point) {
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '&' -> escaped.append("&amp;");
                case '"' -> escaped.append("&quot;");
                default -> {
                    if (point <= LAST_CONTROL) {
                        escaped.append(String.format(Locale.ROOT, "\\%03o", point));
                    } else if (isNoCharacter(point)) {
                        escaped.append('\ufffd');
                    } else {
                        escaped.appendCodePoint(point);
                    }
                }
            }
        });
        return escaped.toString();
    }

    private static boolean isNoCharacter(int point) {
        return (point >= Character.MIN_SURROGATE && point <= Character.MAX_SURROGATE)
                || point == '\ufffe'
                || point == '\uffff';
    }
}
