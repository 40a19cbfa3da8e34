// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.sync.Addresses;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The access checker's records of the ranges that one call may revoke. They exist from before the call's first attempt
 * until the call ends.
 */
public final class CheckedRevocations {
    private final Layout layout;
    private final AccessChecker checker;

    /** The call, as text for the records. */
    private final Object call;

    private final List<AccessChecker.Revocation> begun = new ArrayList<>(2);

    private CheckedRevocations(Layout layout, AccessChecker checker, Object call) {
        this.layout = layout;
        this.checker = checker;
        this.call = call;
    }

    /** Returns the records of a call, which are empty at first; null if the machine is not checked. */
    static @Nullable CheckedRevocations of(Layout layout, Object call) {
        MachineMemory memory = layout.memoryOrNull();
        AccessChecker checker = memory == null ? null : memory.accessChecker();
        return checker == null ? null : new CheckedRevocations(layout, checker, call);
    }

    /**
     * Begins the revocation of a range.
     *
     * @param start the first address
     * @param length bytes, rounded up to pages
     */
    public void add(long start, long length) {
        long limit = layout.geometry().limit();
        long end = start + layout.geometry().roundUp(length);
        // No record is needed for a range outside the space, because the call refuses it.
        boolean hasRange =
                Addresses.isAtMost(length, limit) && Addresses.isAtMost(start, limit - length) && start != end;
        if (hasRange) {
            begin(start, end);
        } else {
            addAll();
        }
    }

    /** Begins the revocation of the whole space. */
    public void addAll() {
        begin(0, 0);
    }

    private void begin(long start, long end) {
        begun.add(
                checker.begin(call.toString(), AccessChecker.ALL, layout.pages().number(), start, end));
    }

    void end() {
        begun.forEach(AccessChecker.Revocation::close);
    }
}
