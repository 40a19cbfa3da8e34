// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.Heading;
import org.commonmark.node.Node;
import org.commonmark.node.SoftLineBreak;
import org.commonmark.node.Text;

/**
 * The ids of one page's headings: the text in lower case without punctuation, with hyphens instead of spaces. If an id
 * occurs again, a number is added.
 */
final class HeadingIds {
    private final Map<Heading, String> ids = new LinkedHashMap<>();

    HeadingIds(Node document) {
        Map<String, Integer> uses = new HashMap<>();
        document.accept(new AbstractVisitor() {
            @Override
            public void visit(Heading heading) {
                String id = textOf(heading)
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-');
                int before = uses.merge(id, 1, Integer::sum) - 1;
                ids.put(heading, before == 0 ? id : id + "-" + before);
            }
        });
    }

    /** Returns the text of a node, without markup. */
    static String textOf(Node node) {
        StringBuilder text = new StringBuilder();
        node.accept(new AbstractVisitor() {
            @Override
            public void visit(Text part) {
                text.append(part.getLiteral());
            }

            @Override
            public void visit(Code part) {
                text.append(part.getLiteral());
            }

            @Override
            public void visit(SoftLineBreak part) {
                text.append(' ');
            }
        });
        return text.toString();
    }

    /** Returns the headings with their ids, in the order of the page. */
    Map<Heading, String> all() {
        return ids;
    }

    boolean has(String id) {
        return ids.containsValue(id);
    }
}
