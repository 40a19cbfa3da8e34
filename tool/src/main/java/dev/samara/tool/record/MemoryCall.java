// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Resource;
import org.jspecify.annotations.Nullable;

/** One recorded memory call. Its arguments are those that were passed, before any rounding. */
public sealed interface MemoryCall {
    /**
     * Returns the address of the call.
     *
     * @return the address as passed; 0 if the call takes no address
     */
    long address();

    /**
     * Returns whether a successful call returns an address.
     *
     * @return true if so, false if it returns a plain number
     */
    default boolean returnsAddress() {
        return false;
    }

    /** A call whose arguments are all numbers. */
    sealed interface Direct extends MemoryCall {
        /**
         * Makes the call.
         *
         * @param space the space
         * @return the result: a value, or a negated error number
         */
        long perform(AddressSpace space);
    }

    /**
     * {@code mmap}.
     *
     * @param address hint or fixed address
     * @param length bytes
     * @param protection {@code PROT_*} bits of {@code Mman}
     * @param flags {@code MAP_*} bits of {@code Mman}
     * @param offset the offset in the file
     * @param descriptor the text of the descriptor in the recording
     * @param file the file; null if the recording contains none
     * @param fileSize the size of the file at that time, in bytes; negative if the recording does not contain it
     */
    record Mmap(
            long address,
            long length,
            int protection,
            int flags,
            long offset,
            String descriptor,
            @Nullable FileIdentity file,
            long fileSize)
            implements MemoryCall {
        @Override
        public boolean returnsAddress() {
            return true;
        }
    }

    /**
     * {@code mremap}.
     *
     * @param address the old address
     * @param oldLength the old length in bytes
     * @param newLength the new length in bytes
     * @param flags {@code MREMAP_*} bits of {@code Mman}
     * @param newAddress the new address, if the flags request one
     */
    record Mremap(long address, long oldLength, long newLength, int flags, long newAddress) implements MemoryCall {
        @Override
        public boolean returnsAddress() {
            return true;
        }
    }

    /**
     * {@code shmat}.
     *
     * @param id the segment
     * @param address the address; 0 if the kernel may choose
     * @param flags {@code SHM_*} bits of {@code Mman}
     * @param size the size of the segment in bytes; 0 if there is no such segment
     */
    record Shmat(int id, long address, int flags, long size) implements MemoryCall {
        @Override
        public boolean returnsAddress() {
            return true;
        }
    }

    /**
     * {@code prlimit64} or {@code setrlimit}.
     *
     * @param resource the limit; null if memory calls do not check it
     * @param limit the new soft limit, or null if the call only reads
     * @param own whether the call concerns the calling process
     */
    record LimitChange(
            @Nullable Resource resource, @Nullable Long limit, boolean own) implements MemoryCall {
        @Override
        public long address() {
            return 0;
        }
    }

    /**
     * A call that is read, but never made (see {@link CallParser}).
     *
     * @param name its name
     * @param changesLayout whether a successful call changes the layout
     */
    record Foreign(String name, boolean changesLayout) implements MemoryCall {
        @Override
        public long address() {
            return 0;
        }
    }

    /**
     * {@code munmap}.
     *
     * @param address start
     * @param length bytes
     */
    record Munmap(long address, long length) implements Direct {
        @Override
        public long perform(AddressSpace space) {
            return space.munmap(address, length);
        }
    }

    /**
     * {@code mprotect}, and {@code pkey_mprotect} without a key.
     *
     * @param address start
     * @param length bytes
     * @param protection {@code PROT_*} bits of {@code Mman}
     */
    record Mprotect(long address, long length, int protection) implements Direct {
        @Override
        public long perform(AddressSpace space) {
            return space.mprotect(address, length, protection);
        }
    }

    /**
     * {@code brk}.
     *
     * @param address the requested break
     */
    record Brk(long address) implements Direct {
        @Override
        public boolean returnsAddress() {
            return true;
        }

        @Override
        public long perform(AddressSpace space) {
            return space.brk(address);
        }
    }

    /**
     * {@code madvise}.
     *
     * @param address start
     * @param length bytes
     * @param advice a {@code MADV_*} value of {@code Mman}, or any other value
     */
    record Madvise(long address, long length, int advice) implements Direct {
        @Override
        public long perform(AddressSpace space) {
            return space.madvise(address, length, advice);
        }
    }

    /**
     * {@code msync}.
     *
     * @param address start
     * @param length bytes
     * @param flags {@code MS_*} bits of {@code Mman}
     */
    record Msync(long address, long length, int flags) implements Direct {
        @Override
        public long perform(AddressSpace space) {
            return space.msync(address, length, flags);
        }
    }

    /**
     * {@code mlock}.
     *
     * @param address start
     * @param length bytes
     */
    record Mlock(long address, long length) implements Direct {
        @Override
        public long perform(AddressSpace space) {
            return space.mlock(address, length);
        }
    }

    /**
     * {@code mlock2}.
     *
     * @param address start
     * @param length bytes
     * @param flags {@code MLOCK_*} bits of {@code Mman}
     */
    record Mlock2(long address, long length, int flags) implements Direct {
        @Override
        public long perform(AddressSpace space) {
            return space.mlock2(address, length, flags);
        }
    }

    /**
     * {@code munlock}.
     *
     * @param address start
     * @param length bytes
     */
    record Munlock(long address, long length) implements Direct {
        @Override
        public long perform(AddressSpace space) {
            return space.munlock(address, length);
        }
    }

    /**
     * {@code mlockall}.
     *
     * @param flags {@code MLOCK_*} bits of {@code Mman}
     */
    record Mlockall(int flags) implements Direct {
        @Override
        public long address() {
            return 0;
        }

        @Override
        public long perform(AddressSpace space) {
            return space.mlockall(flags);
        }
    }

    /** {@code munlockall}. */
    record Munlockall() implements Direct {
        @Override
        public long address() {
            return 0;
        }

        @Override
        public long perform(AddressSpace space) {
            return space.munlockall();
        }
    }

    /**
     * {@code mseal}.
     *
     * @param address start
     * @param length bytes
     * @param flags must be 0
     */
    record Mseal(long address, long length, long flags) implements Direct {
        @Override
        public long perform(AddressSpace space) {
            return space.mseal(address, length, flags);
        }
    }

    /**
     * {@code shmdt}.
     *
     * @param address the address at which the segment was attached
     */
    record Shmdt(long address) implements Direct {
        @Override
        public long perform(AddressSpace space) {
            return space.shmdt(address);
        }
    }
}
