/* The C reader of `smartstore bench speed`: epoll and libmosquitto, one thread, nothing but read, parse, publish on change.
 *
 *   reader scales|boards BROKER_PORT TERMINAL...
 *
 * A plate's weight is published (QoS 0, like "355") when it differs from what was published last by a gram or more. No trust, no
 * detection, no journal: it is here to show what the bytes alone cost. On SIGTERM it prints {"samples": N, "published": N} and ends. */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <mosquitto.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PORTS = 64, CHANNELS = 16, HELD = 4096 };

struct port {
    int fd;
    size_t held;
    unsigned char data[2 * HELD];
    double told[CHANNELS];
};

static struct port ports[MOST_PORTS];
static struct mosquitto *broker;
static long samples, published;
static volatile sig_atomic_t ended;

static void end(int number)
{
    (void)number;
    ended = 1;
}

static void weighed(struct port *port, int channel, double grams)
{
    char topic[64], text[32];
    samples++;
    if (fabs(grams - port->told[channel]) < 1.0)
        return;
    port->told[channel] = grams;
    snprintf(topic, sizeof topic, "bench/c/%d/%d", (int)(port - ports), channel + 1);
    int length = snprintf(text, sizeof text, "%.0f", grams);
    mosquitto_publish(broker, NULL, topic, length, text, 0, false);
    published++;
}

static size_t lines(struct port *port)
{
    size_t begin = 0;
    for (size_t at = 0; at < port->held; at++) {
        if (port->data[at] != '\n')
            continue;
        port->data[at] = 0;
        char *line = (char *)port->data + begin;
        if (line[0] == 'S' && line[1] == ' ' && (line[2] == 'S' || line[2] == 'D'))
            weighed(port, 0, strtod(line + 4, NULL));
        begin = at + 1;
    }
    return begin;
}

static uint16_t crc(const unsigned char *data, size_t length)
{
    uint16_t value = 0xFFFF;
    while (length--) {
        value ^= (uint16_t)(*data++ << 8);
        for (int bit = 0; bit < 8; bit++)
            value = value & 0x8000 ? (uint16_t)(value << 1 ^ 0x1021) : (uint16_t)(value << 1);
    }
    return value;
}

static size_t frames(struct port *port)
{
    size_t at = 0;
    while (at + 8 <= port->held) {
        const unsigned char *frame = port->data + at;
        size_t length = frame[4] | (size_t)frame[5] << 8;
        if (frame[0] != 0xA5 || frame[1] != 0x5A || frame[2] != 1 || length > 256) {
            at++;
            continue;
        }
        if (at + 8 + length > port->held)
            break;
        if (crc(frame + 2, 4 + length) != (frame[6 + length] | frame[7 + length] << 8)) {
            at++;
            continue;
        }
        if (frame[3] == 2)
            for (size_t channel = 0; channel < (length - 10) / 4; channel++) {
                int32_t counts;
                memcpy(&counts, frame + 16 + 4 * channel, 4);
                weighed(port, (int)channel, (counts - 84213.0) / 200.0);
            }
        at += 8 + length;
    }
    return at;
}

static void readable(struct port *port, size_t (*parse)(struct port *))
{
    ssize_t got = read(port->fd, port->data + port->held, HELD);
    if (got <= 0)
        return;
    port->held += (size_t)got;
    size_t used = parse(port);
    port->held -= used;
    memmove(port->data, port->data + used, port->held);
    if (port->held > HELD)
        port->held = 0;
}

static int opened(const char *path)
{
    struct termios raw;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || tcgetattr(fd, &raw))
        return -1;
    cfmakeraw(&raw);
    return tcsetattr(fd, TCSANOW, &raw) ? -1 : fd;
}

int main(int count, char **words)
{
    if (count < 4 || count - 3 > MOST_PORTS)
        return 2;
    size_t (*parse)(struct port *) = strcmp(words[1], "boards") ? lines : frames;
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    mosquitto_lib_init();
    broker = mosquitto_new(NULL, true, NULL);
    if (!broker || mosquitto_connect(broker, "127.0.0.1", atoi(words[2]), 60))
        return 1;
    int poll = epoll_create1(0), socket = mosquitto_socket(broker);
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poll, EPOLL_CTL_ADD, socket, &wanted);
    for (int number = 0; number < count - 3; number++) {
        ports[number].fd = opened(words[number + 3]);
        if (ports[number].fd < 0)
            return 1;
        wanted.data.ptr = &ports[number];
        epoll_ctl(poll, EPOLL_CTL_ADD, ports[number].fd, &wanted);
    }
    fprintf(stderr, "up\n");
    time_t minded = time(NULL);
    while (!ended) {
        struct epoll_event events[MOST_PORTS + 1];
        int ready = epoll_wait(poll, events, MOST_PORTS + 1, 1000);
        for (int each = 0; each < ready; each++) {
            if (events[each].data.ptr)
                readable(events[each].data.ptr, parse);
            else if (mosquitto_loop_read(broker, 1))
                return 1;
        }
        if (mosquitto_want_write(broker))
            mosquitto_loop_write(broker, 1);
        if (time(NULL) != minded) {
            minded = time(NULL);
            mosquitto_loop_misc(broker);
        }
    }
    printf("{\"samples\": %ld, \"published\": %ld}\n", samples, published);
    return 0;
}
