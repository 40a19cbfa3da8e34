// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.HostFile;
import java.lang.reflect.Field;
import java.util.concurrent.atomic.AtomicLong;

/** What a machine's files of the host count, for tests of other packages. */
public final class HostFilesCounts {
    private HostFilesCounts() {}

    /** Returns the number of files in the table. */
    public static int files(HostFiles files) {
        return ((InodeTable) get(HostFiles.class, "inodes", files)).count();
    }

    /** Returns the bytes of pages in memory that are charged to the limit. */
    public static long charged(HostFiles files) {
        return ((AtomicLong) get(CacheLimit.class, "resident", get(HostFiles.class, "limit", files))).get();
    }

    /** Returns the number of uses of an open: its owner, the owner's calls, mappings, and reads ahead. */
    public static int uses(HostFile open) {
        return (int) get(OpenUses.class, "uses", get(OpenHostFile.class, "uses", open));
    }

    private static Object get(Class<?> of, String name, Object from) {
        try {
            Field field = of.getDeclaredField(name);
            field.setAccessible(true);
            return field.get(from);
        } catch (ReflectiveOperationException renamed) {
            throw new IllegalStateException(renamed);
        }
    }
}
