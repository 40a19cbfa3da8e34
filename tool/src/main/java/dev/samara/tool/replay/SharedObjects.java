// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.vma.Backing;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.SharedSegment;
import dev.samara.tool.trace.MapsLine;
import java.util.IdentityHashMap;
import org.agrona.collections.Long2ObjectHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The anonymous shared objects of the library, each paired with its inode in the recording.
 *
 * <p>The kernel and the library choose their inode numbers independently. The first snapshot that shows an object
 * creates the pair. From then on, neither side may be paired with anything else.
 */
final class SharedObjects {
    private static final String NAME = "/dev/zero (deleted)";

    private final IdentityHashMap<Backing, Long> inodes;
    private final Long2ObjectHashMap<Backing> objects;

    SharedObjects() {
        inodes = new IdentityHashMap<>();
        objects = new Long2ObjectHashMap<>();
    }

    private SharedObjects(SharedObjects other) {
        inodes = new IdentityHashMap<>(other.inodes);
        objects = new Long2ObjectHashMap<>(other.objects);
    }

    SharedObjects copy() {
        return new SharedObjects(this);
    }

    /**
     * Returns whether a line shows a backing of the library. Records the pair if this is the first line that shows the
     * object.
     */
    boolean isShownBy(MapsLine line, @Nullable Backing backing) {
        if (backing == null) {
            return line.isAnonymous();
        }
        if (line.major() != backing.major() || line.minor() != backing.minor()) {
            return false;
        }
        if (!isAnonymous(backing)) {
            return line.inode() == backing.inode();
        }
        if (!line.name().equals(NAME)) {
            return false;
        }
        Long inode = inodes.get(backing);
        if (inode == null && !objects.containsKey(line.inode())) {
            inodes.put(backing, line.inode());
            objects.put(line.inode(), backing);
            return true;
        }
        return inode != null && inode == line.inode();
    }

    /**
     * Returns whether the library created the object. Files and segments are opened in {@link Opens}, by their inodes;
     * the library creates all other objects.
     */
    private static boolean isAnonymous(Backing backing) {
        return !(backing instanceof OpenFile
                || backing instanceof TracedFile
                || backing instanceof SharedSegment.Attachment);
    }
}
