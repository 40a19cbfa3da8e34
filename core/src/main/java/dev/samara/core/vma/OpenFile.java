// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import java.util.Objects;

/**
 * One open of a file, described by data such as its name and its inode: a ready-made {@link Backing}.
 *
 * <p>Each {@link Builder#open()} creates a new identity, as each {@code open(2)} does. Immutable.
 */
public final class OpenFile implements Backing {
    private final String name;
    private final int major;
    private final int minor;
    private final long inode;
    private final long maximumSize;
    private final int traits;

    private OpenFile(Builder builder) {
        name = builder.name;
        major = builder.major;
        minor = builder.minor;
        inode = builder.inode;
        maximumSize = builder.maximumSize;
        traits = builder.traits;
    }

    /**
     * Returns a builder of a file that is open for reading and writing.
     *
     * @param name the displayed name, not empty
     * @return a new builder
     */
    public static Builder named(String name) {
        return new Builder(name);
    }

    @Override
    public int major() {
        return major;
    }

    @Override
    public int minor() {
        return minor;
    }

    @Override
    public long inode() {
        return inode;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean readable() {
        return (traits & Builder.READABLE) != 0;
    }

    @Override
    public boolean writable() {
        return (traits & Builder.WRITABLE) != 0;
    }

    @Override
    public boolean executable() {
        return (traits & Builder.NOEXEC) == 0;
    }

    @Override
    public boolean appendOnly() {
        return (traits & Builder.APPEND_ONLY) != 0;
    }

    @Override
    public boolean swapFile() {
        return (traits & Builder.SWAP_FILE) != 0;
    }

    @Override
    public boolean mappable() {
        return (traits & Builder.UNMAPPABLE) == 0;
    }

    @Override
    public long maximumSize() {
        return maximumSize;
    }

    @Override
    public boolean wantsHugeAlignment() {
        return (traits & Builder.HUGE_ALIGNED) != 0;
    }

    @Override
    public boolean refusesSync() {
        return (traits & Builder.NO_SYNC) != 0;
    }

    @Override
    public boolean acceptsNames() {
        return (traits & Builder.ACCEPTS_NAMES) != 0;
    }

    @Override
    public boolean isZeroDevice() {
        return (traits & Builder.ZERO_DEVICE) != 0;
    }

    @Override
    public String toString() {
        return name;
    }

    /** A builder of open files. For use by one thread. */
    public static final class Builder {
        private static final int READABLE = 1;
        private static final int WRITABLE = 1 << 1;
        private static final int NOEXEC = 1 << 2;
        private static final int APPEND_ONLY = 1 << 3;
        private static final int SWAP_FILE = 1 << 4;
        private static final int UNMAPPABLE = 1 << 5;
        private static final int HUGE_ALIGNED = 1 << 6;
        private static final int ZERO_DEVICE = 1 << 7;
        private static final int NO_SYNC = 1 << 8;
        private static final int ACCEPTS_NAMES = 1 << 9;

        private final String name;
        private int major;
        private int minor;
        private long inode;
        private long maximumSize = Long.MAX_VALUE;
        private int traits = READABLE | WRITABLE;

        private Builder(String name) {
            this.name = Objects.requireNonNull(name, "name");
            if (name.isEmpty()) {
                throw new IllegalArgumentException("name is empty: a backing must have a name to show");
            }
        }

        /**
         * Sets the device and the inode of the file.
         *
         * @param newMajor the major number of its device, not negative
         * @param newMinor the minor number of its device, not negative
         * @param newInode the inode on that device
         * @return this
         */
        public Builder inode(int newMajor, int newMinor, long newInode) {
            if (newMajor < 0 || newMinor < 0) {
                throw new IllegalArgumentException("device " + newMajor + ":" + newMinor + " has a negative number");
            }
            major = newMajor;
            minor = newMinor;
            inode = newInode;
            return this;
        }

        /**
         * Opens the file for reading only.
         *
         * @return this
         */
        public Builder readOnly() {
            traits = (traits & ~WRITABLE) | READABLE;
            return this;
        }

        /**
         * Opens the file for writing only.
         *
         * @return this
         */
        public Builder writeOnly() {
            traits = (traits & ~READABLE) | WRITABLE;
            return this;
        }

        /**
         * Marks its mount as {@code noexec}, which forbids execution.
         *
         * @return this
         */
        public Builder noexec() {
            traits |= NOEXEC;
            return this;
        }

        /**
         * Marks the file as append-only.
         *
         * @return this
         */
        public Builder appendOnly() {
            traits |= APPEND_ONLY;
            return this;
        }

        /**
         * Marks the file as in use as swap space.
         *
         * @return this
         */
        public Builder swapFile() {
            traits |= SWAP_FILE;
            return this;
        }

        /**
         * Marks the file as not mappable.
         *
         * @return this
         */
        public Builder unmappable() {
            traits |= UNMAPPABLE;
            return this;
        }

        /**
         * Requests placement on huge page boundaries.
         *
         * @return this
         */
        public Builder hugeAligned() {
            traits |= HUGE_ALIGNED;
            return this;
        }

        /**
         * Refuses {@code MAP_SYNC}.
         *
         * @return this
         */
        public Builder refusesSync() {
            traits |= NO_SYNC;
            return this;
        }

        /**
         * Allows mappings of the file to be named, like mappings of shared anonymous memory and of a {@code memfd}.
         *
         * @return this
         */
        public Builder acceptsNames() {
            traits |= ACCEPTS_NAMES;
            return this;
        }

        /**
         * Turns the file into {@code /dev/zero}, which has no maximum size.
         *
         * @return this
         */
        public Builder zeroDevice() {
            traits |= ZERO_DEVICE;
            return maximumSize(-1);
        }

        /**
         * Limits the size of the file; the limit is 2^63-1, as for a regular file, unless set.
         *
         * @param bytes the maximum size, unsigned, not 0; -1 for a device
         * @return this
         */
        public Builder maximumSize(long bytes) {
            if (bytes == 0) {
                throw new IllegalArgumentException("maximum size is 0: nothing could be mapped");
            }
            maximumSize = bytes;
            return this;
        }

        /**
         * Opens the file.
         *
         * @return a new backing
         */
        public OpenFile open() {
            return new OpenFile(this);
        }

        /** Returns the name of the file as text. */
        @Override
        public String toString() {
            return "builder of " + name;
        }
    }
}
