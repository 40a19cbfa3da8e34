// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import java.util.Locale;

/**
 * A System V shared memory segment, described by data ({@code shmget(2)}).
 *
 * <p>Each attachment opens it anew, so two attachments never merge, as on Linux. Immutable.
 */
public final class SharedSegment {
    private final int id;
    private final int key;
    private final long size;

    /**
     * Describes a segment.
     *
     * @param id its identifier, shown as the inode; not negative
     * @param key its key, shown in the name; 0 for {@code IPC_PRIVATE}
     * @param size its size in bytes, positive
     */
    public SharedSegment(int id, int key, long size) {
        if (id < 0) {
            throw new IllegalArgumentException("id " + id + " is negative");
        }
        if (size <= 0) {
            throw new IllegalArgumentException("size " + size + " is not positive");
        }
        this.id = id;
        this.key = key;
        this.size = size;
    }

    /**
     * The size as given to {@code shmget}.
     *
     * @return bytes
     */
    public long size() {
        return size;
    }

    /**
     * Opens the segment for one attachment.
     *
     * @param readOnly whether for reading only
     * @return a new identity
     */
    public Attachment attach(boolean readOnly) {
        return new Attachment(this, readOnly);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "/SYSV%08x (deleted)", key);
    }

    /** One open of a segment, as an attachment makes it. */
    public static final class Attachment implements Backing {
        private final SharedSegment segment;
        private final boolean readOnly;

        private Attachment(SharedSegment segment, boolean readOnly) {
            this.segment = segment;
            this.readOnly = readOnly;
        }

        /**
         * What is attached.
         *
         * @return the segment
         */
        public SharedSegment segment() {
            return segment;
        }

        @Override
        public int major() {
            return 0;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return segment.id;
        }

        @Override
        public String name() {
            return segment.toString();
        }

        @Override
        public boolean writable() {
            return !readOnly;
        }

        @Override
        public boolean countsMappings() {
            return true;
        }
    }
}
