// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.vma.Attachable;
import dev.samara.core.internal.vma.Life;

/** An object with a state word and an open, attached. */
final class Attached extends Attachable {
    final CountedOpen open = new CountedOpen();

    Attached() {
        Life.attach(this, open, null);
    }
}
