// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.internal.space.District.BeyondDistrict;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The resource limits of a space, guarded by the layout lock. A call is checked against them and the {@linkplain
 * Privileges privileges} that it read.
 */
public final class Limits {
    /**
     * The privileges of a space. Any thread may change them while calls run. A call reads them once, when it starts,
     * and uses that value throughout, so a call that publishes in batches or retries is not refused half-way.
     */
    public static final class Privileges {
        private static final VarHandle HELD = ConstantBootstraps.fieldVarHandle(
                MethodHandles.lookup(), "held", VarHandle.class, Privileges.class, int.class);

        private static final List<Capability> ALL = List.of(Capability.values());

        /**
         * A bit for each privilege.
         *
         * <p>Written: any thread, in {@code grant} (get-and-or) and {@code drop} (get-and-and).
         * Read: any thread (acquire): an operation once, when it is created, and not again for its later attempts and
         *     batches; a fork, at the instant at which it copies the layout; a division.
         * Pairs: an operation that starts after a change has returned reads the change, by program order or by the
         *     synchronization through which its thread learned of the change. A running operation may end with the
         *     privileges from before a change.
         * Invariant: a bit for each privilege; no change of another bit is lost. A part of a divided layout does not
         *     decide that a limit is exceeded. So it does not matter with which privileges the bounds of the parts were
         *     computed: a call without a privilege that the bounds assume continues with the whole layout, and a call
         *     with a privilege that was granted later stays below the part's cap.
         */
        @SuppressWarnings({"FieldMayBeFinal", "UnusedVariable"}) // through HELD
        private int held;

        /** Creates the privileges of a space from the bits that another space holds or that a builder granted. */
        Privileges(int held) {
            this.held = held;
        }

        /** Returns privileges as bits. */
        static int bits(Collection<Capability> privileges) {
            int bits = 0;
            for (Capability privilege : privileges) {
                bits |= bit(privilege);
            }
            return bits;
        }

        private static int bit(Capability privilege) {
            return switch (privilege) {
                case IPC_LOCK -> 1;
                case SYS_RAWIO -> 2;
            };
        }

        /** Returns whether the privileges that a call read include the given one. */
        static boolean has(int privileges, Capability privilege) {
            return (privileges & bit(privilege)) != 0;
        }

        /** Returns the privileges of this instant as bits. */
        public int held() {
            return (int) HELD.getAcquire(this);
        }

        /** Adds privileges atomically, so that no change by another thread is lost. */
        public void grant(Collection<Capability> granted) {
            HELD.getAndBitwiseOr(this, bits(granted));
        }

        /** Removes privileges atomically. */
        public void drop(Collection<Capability> dropped) {
            HELD.getAndBitwiseAnd(this, ~bits(dropped));
        }

        /** Returns the privileges of one instant. */
        public Set<Capability> asSet() {
            int privileges = held();
            EnumSet<Capability> set = EnumSet.noneOf(Capability.class);
            for (Capability privilege : ALL) {
                if (has(privileges, privilege)) {
                    set.add(privilege);
                }
            }
            return Collections.unmodifiableSet(set);
        }

        @Override
        public String toString() {
            return asSet().toString();
        }
    }

    private static final long UNLIMITED = -1;

    private final Geometry geometry;
    private final int pageShift;
    private long as = UNLIMITED;
    private long data = UNLIMITED;
    private long stack = UNLIMITED;
    private long memlock = UNLIMITED;
    private long pageTables = UNLIMITED;

    /** Whether these are the limits of a part of a layout. A part cannot decide that a limit is exceeded. */
    private final boolean isOfPart;

    Limits(Geometry geometry, Map<Resource, Long> bytes) {
        this(geometry, false);
        bytes.forEach(this::set);
    }

    private Limits(Geometry geometry, boolean isOfPart) {
        this.geometry = geometry;
        pageShift = geometry.pageShift();
        this.isOfPart = isOfPart;
    }

    Limits copy(boolean isForPart) {
        Limits copy = new Limits(geometry, isForPart);
        for (Resource resource : Resource.values()) {
            copy.set(resource, bytes(resource));
        }
        return copy;
    }

    void set(Resource resource, long limit) {
        switch (resource) {
            case AS -> as = limit;
            case DATA -> data = limit;
            case STACK -> stack = limit;
            case MEMLOCK -> memlock = limit;
            case PAGE_TABLES -> pageTables = limit;
        }
    }

    /** Returns the soft limit in bytes, unsigned; -1 if none was set. */
    public long bytes(Resource resource) {
        return switch (resource) {
            case AS -> as;
            case DATA -> data;
            case STACK -> stack;
            case MEMLOCK -> memlock;
            case PAGE_TABLES -> pageTables;
        };
    }

    long pages(Resource resource) {
        return bytes(resource) >>> pageShift;
    }

    /**
     * Returns whether pages of a mapping with these flags may be added ({@code may_expand_vm}); the number may be
     * negative.
     *
     * @throws BeyondDistrict if they may not, and these are the limits of a part
     */
    public boolean mayExpand(LayoutCounters counters, long flags, long pages) {
        // A soft limit of 0 is not checked: programs set it so that only brk fails, and there is no hard limit here
        // that would still apply.
        boolean isData = LayoutCounters.isData(flags) && data != 0;
        return decided(Long.compareUnsigned(counters.total + pages, pages(Resource.AS)) <= 0
                && (!isData || Long.compareUnsigned(counters.data + pages, pages(Resource.DATA)) <= 0));
    }

    private boolean decided(boolean isAllowed) {
        if (!isAllowed && isOfPart) {
            throw new BeyondDistrict();
        }
        return isAllowed;
    }

    /** Returns whether a call with these privileges may lock any memory ({@code can_do_mlock}). */
    public boolean mayLock(int privileges) {
        return bytes(Resource.MEMLOCK) != 0 || Privileges.has(privileges, Capability.IPC_LOCK);
    }

    /** Returns the maximum memory that a call with these privileges may lock, in bytes of whole pages, unsigned. */
    public long lockable(int privileges) {
        return Privileges.has(privileges, Capability.IPC_LOCK) || memlock == UNLIMITED
                ? UNLIMITED
                : geometry.roundDown(memlock);
    }

    /**
     * Returns whether a call with these privileges may raise the number of locked pages to this total.
     *
     * @throws BeyondDistrict if it may not, and these are the limits of a part
     */
    public boolean mayHoldLocked(int privileges, long pages) {
        return decided(Privileges.has(privileges, Capability.IPC_LOCK)
                || Long.compareUnsigned(pages, pages(Resource.MEMLOCK)) <= 0);
    }

    /** Returns whether new memory with these flags may be locked as they request ({@code mlock_future_ok}). */
    public boolean mayLockMore(int privileges, LayoutCounters counters, long flags, long pages) {
        return (flags & VmaFlags.LOCKED) == 0 || mayHoldLocked(privileges, counters.locked + pages);
    }

    /** Returns whether an address is high enough to be mapped ({@code security_mmap_addr}). */
    public boolean mayMapAt(int privileges, long address) {
        return !Addresses.isBelow(address, geometry.minimum()) || Privileges.has(privileges, Capability.SYS_RAWIO);
    }
}
