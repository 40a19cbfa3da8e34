// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import org.commonmark.node.Heading;
import org.commonmark.node.Node;

/**
 * The index of the search: each section of each page with its URL, title and text. It is a script that assigns one
 * array, because a page that is opened from a disk may load scripts, but no other files.
 */
final class SearchIndex {
    private final List<String> sections = new ArrayList<>();

    /** Adds the sections of a page. Each heading of level 1 to 3 starts a section. */
    void add(MarkdownPage page) {
        String address = MarkdownPage.pageOf(page.file()).toString().replace('\\', '/');
        String heading = page.title();
        String place = address;
        StringBuilder text = new StringBuilder();
        for (Node node = page.document().getFirstChild(); node != null; node = node.getNext()) {
            if (node instanceof Heading begun && begun.getLevel() <= 3) {
                add(page.title(), heading, place, text);
                heading = MarkdownPage.textOf(begun);
                place = address + "#" + page.ids().getOrDefault(begun, "");
            } else {
                text.append(MarkdownPage.textOf(node)).append(' ');
            }
        }
        add(page.title(), heading, place, text);
    }

    private void add(String page, String heading, String place, StringBuilder text) {
        String words = text.toString().strip().replaceAll("\\s+", " ");
        // A section without text is added too, so that the search finds its heading.
        if (!words.isEmpty() || place.contains("#")) {
            sections.add("[" + quoted(page) + "," + quoted(heading) + "," + quoted(place) + "," + quoted(words) + "]");
        }
        text.setLength(0);
    }

    /** Returns text as a JavaScript string literal. */
    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        text.chars().forEach(c -> {
            if (c == '"' || c == '\\') {
                quoted.append('\\').append((char) c);
            } else if (c < ' ' || c > '~' || c == '<') {
                quoted.append(String.format("\\u%04x", c));
            } else {
                quoted.append((char) c);
            }
        });
        return quoted.append('"').toString();
    }

    /** Returns the script. */
    String script() {
        StringJoiner all = new StringJoiner(",\n", "var sections = [\n", "\n];\n");
        sections.forEach(all::add);
        return all.toString();
    }
}
