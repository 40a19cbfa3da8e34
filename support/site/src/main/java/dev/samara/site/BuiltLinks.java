// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Checks the written pages: each relative link must refer to an existing file and, if it has a fragment, to an element
 * with that id.
 */
final class BuiltLinks {
    private static final Pattern LINK = Pattern.compile("(?:href|src)=\"([^\"]*)\"");

    private BuiltLinks() {}

    /** Returns the broken links, one per line. Javadoc pages are not checked, because javadoc checks their links. */
    static List<String> broken(Path site) throws IOException {
        List<Path> pages;
        try (Stream<Path> files = Files.walk(site)) {
            pages = files.filter(file -> file.toString().endsWith(".html")
                            && !site.relativize(file).startsWith("api"))
                    .toList();
        }
        List<String> broken = new ArrayList<>();
        for (Path page : pages) {
            Matcher link = LINK.matcher(Files.readString(page));
            while (link.find()) {
                String to = link.group(1).replace("&amp;", "&");
                if (!to.matches("[a-z]+:.*") && !leadsSomewhere(page, to)) {
                    broken.add(site.relativize(page) + ": " + to);
                }
            }
        }
        return broken;
    }

    private static boolean leadsSomewhere(Path page, String to) throws IOException {
        int mark = to.indexOf('#');
        String path = mark < 0 ? to : to.substring(0, mark);
        Path target = path.isEmpty() ? page : page.resolveSibling(path);
        if (!Files.isRegularFile(target)) {
            return false;
        }
        return mark < 0 || Files.readString(target).contains("id=\"" + to.substring(mark + 1) + "\"");
    }
}
