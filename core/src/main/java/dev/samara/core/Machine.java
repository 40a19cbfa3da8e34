// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.layout.Host;
import dev.samara.core.vma.Geometry;

/**
 * A simulated machine: the settings and the committed memory that its address spaces share. Thread-safe.
 */
public final class Machine {
    private final Host host;

    private Machine(Host host) {
        this.host = host;
    }

    /**
     * Starts the description of a machine with Linux's default settings and no commit limit.
     *
     * @return the description, to be completed and built
     */
    public static Builder builder() {
        return new Builder();
    }

    Host host() {
        return host;
    }

    /**
     * Makes an empty address space with Linux's default limits and no privileges.
     *
     * @param geometry sizes and bounds
     * @return the space
     */
    public AddressSpace newSpace(Geometry geometry) {
        return space(geometry).build();
    }

    /**
     * Starts the description of an address space.
     *
     * @param geometry sizes and bounds
     * @return the description, to be completed and built
     */
    public AddressSpace.Builder space(Geometry geometry) {
        return new AddressSpace.Builder(this, geometry);
    }

    /**
     * The memory promised to all spaces of this machine.
     *
     * @return bytes
     */
    public long committed() {
        return host.committed();
    }

    /** The description of a machine before it is built. For one thread. */
    public static final class Builder {
        private int maxMapCount = 65530;
        private long stackGuardGap = 256;
        private long commitLimit = Host.UNLIMITED;

        private Builder() {}

        /**
         * Limits the number of mappings of a space ({@code vm.max_map_count}); as on Linux it is a soft bound that some
         * calls may pass by one.
         *
         * @param maps the limit, positive; 65530 unless set
         * @return this
         */
        public Builder maxMapCount(int maps) {
            if (maps <= 0) {
                throw new IllegalArgumentException("maxMapCount " + maps + " is not positive");
            }
            maxMapCount = maps;
            return this;
        }

        /**
         * Sets the gap below a stack that nothing is placed in ({@code stack_guard_gap}).
         *
         * @param pages the gap, 0 to 2^20; 256 unless set
         * @return this
         */
        public Builder stackGuardGap(long pages) {
            if (pages < 0 || pages > 1 << 20) {
                throw new IllegalArgumentException("stackGuardGap " + pages + " is not in 0..2^20");
            }
            stackGuardGap = pages;
            return this;
        }

        /**
         * Limits the memory that all spaces together may be promised, as {@code vm.overcommit_memory=2} does; then
         * NORESERVE has no effect. Without a limit nothing is refused for want of memory.
         *
         * @param bytes the limit, not negative
         * @return this
         */
        public Builder commitLimit(long bytes) {
            if (bytes < 0) {
                throw new IllegalArgumentException("commitLimit " + bytes + " is negative");
            }
            commitLimit = bytes;
            return this;
        }

        /**
         * Builds the machine.
         *
         * @return a new machine
         */
        public Machine build() {
            return new Machine(new Host(maxMapCount, stackGuardGap, commitLimit));
        }
    }
}
