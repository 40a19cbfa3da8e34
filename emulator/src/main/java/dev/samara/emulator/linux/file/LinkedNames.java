// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The names of files to which the guest has made links: they lead to a file that has lost the name by which it was
 * opened. Not thread-safe.
 */
final class LinkedNames {
    /** The oldest ones are forgotten. */
    private static final int MOST = 1024;

    private final Map<String, FileStatus> all = new LinkedHashMap<>();

    /** The guest has given the file of one name another one. */
    void linked(String from, String to, FileStatus file) {
        for (String each : List.of(from, to)) {
            all.remove(each);
            all.put(each, file);
        }
        while (all.size() > MOST) {
            all.remove(all.keySet().iterator().next());
        }
    }

    void removed(String path) {
        all.remove(path);
    }

    /** A file, or all below a folder, has another name. */
    void renamed(String from, String to) {
        // The file of that name has lost it, and may have others.
        all.remove(to);
        if (all.keySet().stream().noneMatch(path -> isBelow(path, from))) {
            return;
        }
        Map<String, FileStatus> before = new LinkedHashMap<>(all);
        all.clear();
        before.forEach((path, file) -> all.put(isBelow(path, from) ? to + path.substring(from.length()) : path, file));
    }

    private static boolean isBelow(String path, String name) {
        return path.equals(name) || path.startsWith(name + "/");
    }

    /** Returns the names that a file may have. */
    List<String> of(FileStatus file) {
        return all.entrySet().stream()
                .filter(each -> each.getValue().isSame(file))
                .map(Map.Entry::getKey)
                .toList();
    }
}
