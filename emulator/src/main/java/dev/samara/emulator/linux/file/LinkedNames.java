// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The names of files to which the guest created hard links. If the name by which a file was opened is removed, another
 * of these names can lead to the file. Not thread-safe.
 */
final class LinkedNames {
    /** The maximum number of names. When there are more, the oldest are dropped. */
    private static final int MOST = 1024;

    private final Map<String, FileStatus> all = new LinkedHashMap<>();

    /**
     * Called after the guest has created a hard link.
     *
     * @param from the old name
     * @param to the new name
     */
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

    /** Called after the guest renamed a file or a directory. The names below a directory also change. */
    void renamed(String from, String to) {
        // The file that previously had the new name has lost it. The file may have other names.
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

    /** Returns the known names of a file, some of which it may have lost. */
    List<String> of(FileStatus file) {
        return all.entrySet().stream()
                .filter(each -> each.getValue().isSame(file))
                .map(Map.Entry::getKey)
                .toList();
    }
}
