// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.cli;

import java.util.Locale;

/** A JSON document that is written from start to end. */
final class JsonText {
    private final StringBuilder text = new StringBuilder();

    /** Whether the next name or value follows another in its object or array. */
    private boolean follows;

    JsonText beginObject() {
        return open('{');
    }

    JsonText endObject() {
        return close('}');
    }

    JsonText beginArray() {
        return open('[');
    }

    JsonText endArray() {
        return close(']');
    }

    JsonText name(String name) {
        separate();
        quote(name);
        text.append(':');
        follows = false;
        return this;
    }

    JsonText value(String value) {
        separate();
        quote(value);
        return this;
    }

    JsonText value(long value) {
        separate();
        text.append(value);
        return this;
    }

    JsonText value(double value) {
        separate();
        text.append(String.format(Locale.ROOT, "%.6f", value));
        return this;
    }

    @Override
    public String toString() {
        return text.toString();
    }

    private JsonText open(char bracket) {
        separate();
        text.append(bracket);
        follows = false;
        return this;
    }

    private JsonText close(char bracket) {
        text.append(bracket);
        follows = true;
        return this;
    }

    private void separate() {
        if (follows) {
            text.append(',');
        }
        follows = true;
    }

    private void quote(String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c < ' ') {
                text.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }
}
