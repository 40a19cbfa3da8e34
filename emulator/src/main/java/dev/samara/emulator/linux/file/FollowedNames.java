// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;

/** The names of what is open or a current folder, as far as somebody still has them. Not thread-safe. */
final class FollowedNames {
    private final Set<FollowedName> all = Collections.newSetFromMap(new WeakHashMap<>());

    FollowedName follow(String path) {
        FollowedName name = new FollowedName(path);
        all.add(name);
        return name;
    }

    /** The guest has removed a name, of a file with some status; null if that is not known. */
    void removed(String path, @Nullable FileStatus before) {
        FileStatus after = before == null ? null : before.withNames(before.isFolder() ? 0 : before.links() - 1);
        for (FollowedName each : all) {
            if (each.path().equals(path) && !each.isRemoved()) {
                each.remove(after);
            }
        }
        if (after != null) {
            counted(after);
        }
    }

    /** A file has as many names as a status says: whoever has removed one of them may have it open. */
    void counted(FileStatus now) {
        for (FollowedName each : all) {
            FileStatus last = each.last();
            if (each.isRemoved() && last != null && last.links() > 0 && last.isSame(now)) {
                each.remove(now);
            }
        }
    }

    /**
     * Notes that a file without names lost the bits that make a program of it run as its owner. The file of the host
     * keeps them, since the JDK cannot change a file that has no name.
     */
    void privilegesDropped(FileStatus file) {
        for (FollowedName each : all) {
            FileStatus last = each.last();
            if (each.isRemoved() && last != null && last.links() == 0 && last.isSame(file)) {
                each.remove(last.withoutPrivileges());
            }
        }
    }

    /** The guest has given a file another name, which another file may have had with some status. */
    void renamed(String from, String to, @Nullable FileStatus replaced) {
        removed(to, replaced);
        for (FollowedName each : all) {
            String path = each.path();
            boolean isBelow = path.startsWith(from + "/");
            if (isBelow || (path.equals(from) && !each.isRemoved())) {
                each.moveTo(to + path.substring(from.length()));
            }
        }
    }
}
