// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.MmuNotifier;
import java.util.ArrayList;
import java.util.List;

/** The notifiers of revocations. Changed under the layout lock; the retire phase reads them without it. */
final class Notifiers {
    private volatile List<MmuNotifier> all;

    Notifiers(List<MmuNotifier> first) {
        all = List.copyOf(first);
    }

    void add(MmuNotifier notifier) {
        List<MmuNotifier> more = new ArrayList<>(all);
        more.add(notifier);
        all = List.copyOf(more);
    }

    void remove(MmuNotifier notifier) {
        List<MmuNotifier> fewer = new ArrayList<>(all);
        fewer.removeIf(known -> known == notifier);
        all = List.copyOf(fewer);
    }

    /** Returns a list that is never changed. */
    List<MmuNotifier> all() {
        return all;
    }
}
