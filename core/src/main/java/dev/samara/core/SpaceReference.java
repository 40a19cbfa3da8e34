// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An open reference to a space, or a borrow of the space, as {@link AddressSpace#references} and {@link
 * Machine#references} list it.
 *
 * @param space the number of the space on its machine, which no other space of the machine ever uses
 * @param name the name of the space; null if it has none
 * @param kind what the reference keeps alive
 * @param holder the name of the thread that acquired it, or started the borrow
 * @param ageNanos its age in nanoseconds
 * @param where the stack trace at which it was acquired; null unless the machine {@linkplain
 *     MachineBuilder#trackReferences tracks references}
 */
@Experimental
public record SpaceReference(
        long space,
        @Nullable String name,
        Kind kind,
        String holder,
        long ageNanos,
        @Nullable Throwable where) {
    /** What a reference keeps alive. Each kind also keeps what the later kinds keep. */
    @Experimental
    public enum Kind {
        /** The VMAs and pages: {@link AddressSpace}. */
        USERS,
        /**
         * The VMAs and pages, for a CPU that has left the space to {@linkplain Cpu#use borrow} another one, and will
         * return.
         */
        HOME,
        /** The VMAs and pages, as long as a CPU is in the space: {@link BorrowedSpace}. */
        BORROW,
        /** The page table: {@link PageTableRef}. */
        PAGE_TABLE,
        /** The number, the name and the record of the end: {@link SpaceIdentity}. */
        IDENTITY
    }

    /** Returns the number and the name of the space, the kind, the holder and the age as text. */
    @Override
    public String toString() {
        return "space " + space + (name == null ? "" : " " + name) + ": a " + kind
                + (kind == Kind.BORROW ? " of thread " : " reference of thread ") + holder + ", age "
                + TimeUnit.NANOSECONDS.toMillis(ageNanos) + " ms";
    }
}
