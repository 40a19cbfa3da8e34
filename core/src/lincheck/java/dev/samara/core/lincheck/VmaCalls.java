// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.lincheck;

import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.Open;
import org.jetbrains.lincheck.datastructures.Operation;

/** Calls on a VMA, with their sequential specification. */
final class VmaCalls {
    private VmaCalls() {}

    /** The release of the last reference, concurrent with the detach of the VMA. */
    public static class LastReference {
        private int ends;

        private final VmArea vma = VmArea.describe(0, FourPages.PAGE, 0, 0, null, null, null);

        public LastReference() {
            Open open = new Open() {
                @Override
                protected void ended() {
                    ends++;
                }
            };
            vma.attach(open, null);
            vma.acquire();
        }

        @Operation
        public void release() {
            vma.release();
        }

        @Operation
        public void detach() {
            vma.detach();
            vma.clearRetiring();
        }

        @Operation
        public int ends() {
            return ends;
        }

        /** The last of the two ends the open. */
        public static final class Specification {
            private int calls;

            public void release() {
                calls++;
            }

            public void detach() {
                calls++;
            }

            public int ends() {
                return calls / 2;
            }
        }
    }
}
