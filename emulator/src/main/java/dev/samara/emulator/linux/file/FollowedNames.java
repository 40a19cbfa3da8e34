// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import java.util.Collections;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The names of open files and current directories, as long as they are in use. Not thread-safe. */
final class FollowedNames {
    private final Set<FollowedName> all = Collections.newSetFromMap(new WeakHashMap<>());

    FollowedName follow(String path, FileStatus opened) {
        FollowedName name = new FollowedName(path, opened);
        all.add(name);
        return name;
    }

    /**
     * Called after the guest has removed a name.
     *
     * @param before the status of the file before the removal; null if it is not known
     */
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

    /**
     * Called with the new status of a file after its number of names has changed. Updates the followed names that the
     * file lost earlier, because the file may still be open under them.
     */
    void changed(FileStatus now) {
        for (FollowedName each : all) {
            FileStatus last = each.last();
            if (each.isRemoved() && last != null && last.links() > 0 && last.isSame(now)) {
                each.remove(now);
            }
        }
    }

    /**
     * Records a change to a file of which the guest has removed all names. The host file does not change, because the
     * JDK cannot change a file without a name.
     *
     * @param isOfLost whether the change also applies to a file whose name another program has removed or given to
     *     another file: such a file may have names that the guest does not know
     * @return whether the guest has removed all names of the file
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

    /**
     * Called after the guest renamed a file.
     *
     * @param replaced the status of the file that had the new name before; null if there was none, or if it is not
     *     known
     */
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
