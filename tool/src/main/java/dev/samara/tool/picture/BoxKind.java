// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.picture;

/** The kinds of boxes in a picture of a layout. Each kind has a colour. */
enum BoxKind {
    NONE("no access", "k0"),
    READ("read", "k1"),
    EXECUTE("execute", "k2"),
    WRITE("write", "k3"),
    WRITE_AND_EXECUTE("write and execute", "k4"),
    DIFFERENT("several, different rights", "k5");

    private final String meaning;
    private final String style;

    BoxKind(String meaning, String style) {
        this.meaning = meaning;
        this.style = style;
    }

    /** Returns the text for the legend. */
    String meaning() {
        return meaning;
    }

    /** Returns the name of the class in the style sheet. */
    String style() {
        return style;
    }

    /**
     * Returns the kind of a mapping.
     *
     * @param rights the letters of {@code /proc/PID/maps}
     */
    static BoxKind of(String rights) {
        boolean isWritable = rights.charAt(1) == 'w';
        boolean isExecutable = rights.charAt(2) == 'x';
        if (isWritable) {
            return isExecutable ? WRITE_AND_EXECUTE : WRITE;
        }
        if (isExecutable) {
            return EXECUTE;
        }
        return rights.charAt(0) == 'r' ? READ : NONE;
    }
}
