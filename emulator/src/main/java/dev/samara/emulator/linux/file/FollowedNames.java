// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The names of what is open or a current folder, as far as somebody still has them. Not thread-safe. */
final class FollowedNames {
    private final Set<FollowedName> all = Collections.newSetFromMap(new WeakHashMap<>());

    FollowedName follow(String path, FileStatus opened) {
        FollowedName name = new FollowedName(path, opened);
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
            changed(after);
        }
    }

    /** A file has a status now, with its number of names: whoever has removed one of them may have it open. */
    void changed(FileStatus now) {
        for (FollowedName each : all) {
            FileStatus last = each.last();
            if (each.isRemoved() && last != null && last.links() > 0 && last.isSame(now)) {
                each.remove(now);
            }
        }
    }

    /**
     * Notes a change of a file that the guest has left without names. The file of the host stays as it is, since the
     * JDK cannot change one that has no name.
     *
     * @param isOfLost whether a file is changed, too, whose name another program has removed or given to another one:
     *     it may have names that the guest does not know
     * @return whether the guest has left it without names
     */
    boolean changeWithoutName(FileStatus file, boolean isOfLost, UnaryOperator<FileStatus> change) {
        boolean isFound = false;
        for (FollowedName each : all) {
            FileStatus last = each.last();
            if (!each.opened().isSame(file)) {
                continue;
            }
            if (each.isRemoved() && last != null && last.links() == 0) {
                each.show(change.apply(last));
                isFound = true;
            } else if (isOfLost) {
                each.show(change.apply(last != null ? last : each.opened().withoutNames()));
            }
        }
        return isFound;
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
