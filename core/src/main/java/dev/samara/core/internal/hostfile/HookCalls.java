// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import dev.samara.core.backing.PageHooks;
import dev.samara.core.event.Report;
import java.nio.ByteBuffer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Calls the hooks of one file ({@link PageHooks}) while locks of this file are held. A call of the same file from a
 * hook could wait for one of these locks for ever, so each such call is rejected. A hook may call another file, whose
 * hooks may then be called within the first hook.
 */
final class HookCalls {
    /** A hook that the thread is executing. */
    private record Entered(InodeState inode, @Nullable Entered outer) {}

    private static final ThreadLocal<@Nullable Entered> CURRENT = new ThreadLocal<>();

    private final InodeState inode;
    private final Consumer<Report> reporter;

    HookCalls(InodeState inode, Consumer<Report> reporter) {
        this.inode = inode;
        this.reporter = reporter;
    }

    /**
     * Checks that the thread is not executing a hook of a file that it is about to use.
     *
     * @param what the call that uses the file, for messages
     * @throws IllegalStateException if the thread is executing such a hook
     */
    static void check(InodeState inode, String what) {
        for (Entered at = CURRENT.get(); at != null; at = at.outer) {
            if (at.inode == inode) {
                throw new IllegalStateException(
                        what + " was called by a hook of " + inode + ", whose locks are held during the hook");
            }
        }
    }

    /** Returns whether a page that was just read may be inserted into the cache. */
    boolean isAccepted(PageHooks hooks, long offset, ByteBuffer page) {
        return answer(hooks, "afterRead", offset, page);
    }

    /** Returns whether the copy of a page may be written to the host. */
    boolean mayWrite(PageHooks hooks, long offset, ByteBuffer page) {
        return answer(hooks, "beforeWrite", offset, page);
    }

    private boolean answer(PageHooks hooks, String call, long offset, ByteBuffer page) {
        Entered outer = CURRENT.get();
        CURRENT.set(new Entered(inode, outer));
        try {
            ByteBuffer readOnly = page.slice().asReadOnlyBuffer();
            return call.equals("afterRead") ? hooks.afterRead(offset, readOnly) : hooks.beforeWrite(offset, readOnly);
        } catch (Throwable thrown) {
            String message = call + " of the hooks of " + inode + " at " + offset;
            reporter.accept(new Report(Report.Kind.CALLBACK_FAILED, message, thrown));
            return false;
        } finally {
            if (outer == null) {
                CURRENT.remove();
            } else {
                CURRENT.set(outer);
            }
        }
    }
}
