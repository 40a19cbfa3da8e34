// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.mman.Capability;
import java.lang.invoke.ConstantBootstraps;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * The privileges of a space. Any thread may change them while calls run. A call reads them once, when it starts, and
 * uses that value throughout, so a call that publishes in batches or retries is not refused half-way.
 */
public final class Privileges {
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
     * Invariant: a bit for each privilege; no change of another bit is lost. A part of a divided layout does not decide
     *     that a limit is exceeded. So it does not matter with which privileges the bounds of the parts were computed:
     *     a call without a privilege that the bounds assume continues with the whole layout, and a call with a
     *     privilege that was granted later stays below the part's cap.
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
