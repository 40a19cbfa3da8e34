// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.Layout;
import java.util.Locale;

/**
 * A call on a space with its arguments. {@code toString} formats it like a system call, for reports and exception
 * messages.
 */
public interface Call {
    /**
     * Decides the call on the layout of an edit, which holds the layout lock. Called once for each attempt; an attempt
     * that is not published leaves no trace in this object.
     *
     * @return the result of the call, or a negated errno
     * @throws Operation.Restart if the attempt must wait; contains the gate to wait for
     */
    long decide(Edit edit);

    /**
     * Checks all ranges of a call that {@linkplain Edit#endsBatchAt publishes in batches}, before its first batch. The
     * call keeps its ranges claimed, so their VMAs do not change. Called without a lock.
     *
     * @return the number that {@link Edit#note} returns in the first batch, or a negated errno
     */
    default long checkAll(Layout layout) {
        return 0;
    }

    /**
     * Returns the first address of a range that contains all addresses which the arguments name. An attempt locks only
     * the part of the layout that contains this range; if it needs more, the next attempt locks the whole layout. The
     * default is the range of all addresses.
     */
    default long from(Layout layout) {
        return 0;
    }

    /** Returns the exclusive end of the range that starts at {@link #from}. */
    default long to(Layout layout) {
        return -1;
    }

    /** Adds the ranges in which the call may remove mappings, pages or rights. Called before the first attempt. */
    default void revoke(Operation operation) {}

    /** Returns false for calls that end a space, create one, or serve a fault, because these are never refused. */
    default boolean mayBeRefused() {
        return true;
    }

    /** Returns whether the call ends its space. */
    default boolean endsSpace() {
        return false;
    }

    /**
     * Returns whether an interrupt does not end the waits of the call, because the call must not fail: it ends its
     * space, or serves a fault.
     */
    default boolean isUninterruptible() {
        return endsSpace();
    }

    /** Returns whether the call is a {@code munmap}, which only unmaps its range. */
    default boolean isMunmap() {
        return false;
    }

    /** Formats a call, with its arguments in hexadecimal and in the order of the system call. */
    static String text(String name, Number... arguments) {
        StringBuilder text = new StringBuilder(name).append('(');
        String separator = "";
        for (Number argument : arguments) {
            text.append(separator).append(String.format(Locale.ROOT, "0x%x", argument));
            separator = ", ";
        }
        return text.append(')').toString();
    }
}
