// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.call;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.DeviceFile;
import dev.samara.emulator.linux.file.FileStatus;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.OpenFlags;
import dev.samara.emulator.linux.file.PagemapFile;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.process.GuestThread;

/**
 * {@code ioctl}: the requests that each open file supports ({@code do_vfs_ioctl}), and the requests of some kinds of
 * files.
 */
final class RequestCalls {
    private static final int FIGETBSZ = 2;
    private static final int TCGETS = 0x5401;
    private static final int TIOCGWINSZ = 0x5413;
    private static final int FIONREAD = 0x541b;
    private static final int FIONBIO = 0x5421;
    private static final int FIONCLEX = 0x5450;
    private static final int FIOCLEX = 0x5451;
    private static final int FIOASYNC = 0x5452;
    private static final int FIOQSIZE = 0x5460;
    private static final int RNDGETENTCNT = 0x8004_5200;

    /** The entropy in bits that {@code RNDGETENTCNT} returns, which is the maximum. */
    private static final int RANDOM_BITS = 256;

    private final GuestThread thread;
    private final CallMemory memory;

    RequestCalls(GuestThread thread) {
        this.thread = thread;
        memory = thread.memory();
    }

    long request(long descriptor, long request, long address) {
        GuestFile file = thread.openFile(descriptor);
        if (file == null) {
            return LinuxErrno.EBADF;
        }
        switch ((int) request) {
            case FIOCLEX, FIONCLEX -> {
                thread.process().files().setEndsAtExec((int) descriptor, (int) request == FIOCLEX);
                return 0;
            }
            case FIONBIO -> {
                setFlag(file, OpenFlags.NONBLOCK, memory.getInt(address) != 0);
                return 0;
            }
            case FIOASYNC -> {
                return setAsync(file, memory.getInt(address) != 0);
            }
            case FIOQSIZE -> {
                return putSize(file, address);
            }
            case FIGETBSZ -> {
                memory.putInt(address, file.blockSize());
                return 0;
            }
            case FIONREAD -> {
                long available = file.available();
                if (available == GuestFile.UNTOLD) {
                    return file.unknownRequest();
                }
                memory.putInt(address, (int) available);
                return 0;
            }
            case RNDGETENTCNT -> {
                if (!(file instanceof DeviceFile device) || !device.isRandom()) {
                    return file.unknownRequest();
                }
                memory.putInt(address, RANDOM_BITS);
                return 0;
            }
            case PageScanCalls.PAGEMAP_SCAN -> {
                return file instanceof PagemapFile pages
                        ? new PageScanCalls(memory).scan(pages.space(), address)
                        : file.unknownRequest();
            }
            default -> {
                return file.isTerminal() ? terminal((int) request, address) : file.unknownRequest();
            }
        }
    }

    private static void setFlag(GuestFile file, int flag, boolean isSet) {
        int kept = file.flags() & ~flag;
        file.flags(isSet ? kept | flag : kept);
    }

    /** A file that sends no signals rejects only a change of the flag ({@code ioctl_fioasync}). */
    private static long setAsync(GuestFile file, boolean isSet) {
        boolean isChange = isSet != ((file.flags() & OpenFlags.ASYNC) != 0);
        if (isChange && !file.sendsSignals()) {
            return LinuxErrno.ENOTTY;
        }
        setFlag(file, OpenFlags.ASYNC, isSet);
        return 0;
    }

    /** Stores how many bytes a file takes on its device, according to {@code st_blocks}. */
    private long putSize(GuestFile file, long address) {
        FileStatus found = file.status();
        return switch (found.mode() & FileStatus.TYPE) {
            case FileStatus.REGULAR, FileStatus.FOLDER -> {
                memory.putLong(address, found.storedBytes());
                yield 0;
            }
            default -> LinuxErrno.ENOTTY;
        };
    }

    private long terminal(int request, long address) {
        switch (request) {
            case TCGETS -> {
                memory.put(address, TerminalSettings.bytes());
                return 0;
            }
            case TIOCGWINSZ -> {
                memory.put(address, TerminalSettings.size());
                return 0;
            }
            default -> {
                return LinuxErrno.ENOTTY;
            }
        }
    }
}
